// Package assets holds what a program carries with it: fonts and icons, each with its
// licence beside it. The catalogue is not among them: it is loaded from a file.
package assets

import (
	"embed"
	_ "embed"
	"fmt"
)

// Regular and SemiBold are Noto Sans SC (SIL Open Font License 1.1, fonts/OFL.txt).
var (
	//go:embed fonts/NotoSansSC-Regular.ttf
	Regular []byte
	//go:embed fonts/NotoSansSC-SemiBold.ttf
	SemiBold []byte
)

//go:embed icons/*.svg
var icons embed.FS

// Icon returns a line drawing in black by its name.
func Icon(name string) ([]byte, error) {
	raw, err := icons.ReadFile("icons/" + name + ".svg")
	if err != nil {
		return nil, fmt.Errorf("icon %q: %w", name, err)
	}
	return raw, nil
}
