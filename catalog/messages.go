package catalog

import (
	_ "embed"

	"go.yaml.in/yaml/v3"
)

//go:embed messages.yaml
var messagesYAML []byte

// messages are the general sentences by problem code; "date" is the sentence of a
// Format problem with a date.
var messages = mustReadMessages()

const wrongDate ProblemCode = "date"

func mustReadMessages() map[ProblemCode]Text {
	m := map[ProblemCode]Text{}
	if err := yaml.Unmarshal(messagesYAML, &m); err != nil {
		panic(err) // embedded at build time
	}
	return m
}

// problem is a problem in the given words, or in the general ones where they are empty.
func problem(question string, code ProblemCode, own Text) Problem {
	if own.Zh == "" {
		own = messages[code]
	}
	return Problem{Question: question, Code: code, Text: own}
}
