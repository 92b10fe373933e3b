package catalog

import "testing"

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		loadSample(b)
	}
}

func BenchmarkCheck(b *testing.B) {
	it, _ := loadSample(b).Item("social-card-reissue")
	answers := Answers{"phone": "13900001111", "reason": "lost", "lost_on": "20261101", "reported": "yes", "bank": "same", "pickup": "hall"}
	for b.Loop() {
		if p := it.Check(answers, testCard(), night); len(p) > 0 {
			b.Fatal(codes(p))
		}
	}
}
