package printer_test

import (
	"errors"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yeban/devices/printer"
)

// readCodes has another program's eye read the codes on a piece of paper: zbarimg of
// Debian's zbar-tools. It is needed; without it nothing is proven, and the test fails.
func readCodes(t *testing.T, paper image.Image) (codes []string) {
	t.Helper()
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		t.Fatal("zbarimg is missing (Debian package zbar-tools): ", err)
	}
	// Paper has a margin beside what the head can reach.
	const margin = 32
	wide := image.NewGray(image.Rect(0, 0, paper.Bounds().Dx()+2*margin, paper.Bounds().Dy()+2*margin))
	draw.Draw(wide, wide.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(wide, paper.Bounds().Add(image.Pt(margin, margin)), paper, image.Point{}, draw.Src)
	file := filepath.Join(t.TempDir(), "paper.png")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, wide); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(zbar, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 4 {
		return nil // as it says that it found none
	}
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestCodeOnThePaperIsReadByAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile printer.Profile
		noQR    bool
		code    string
	}{
		"80 mm":                   {printer.Paper80(), false, "YB34010300170001"},
		"58 mm":                   {printer.Paper58(), false, "YB34010300170001"},
		"80 mm, drawn by us":      {printer.Paper80(), true, "YB34010300170001"},
		"58 mm, drawn by us":      {printer.Paper58(), true, "YB34010300170001"},
		"58 mm, a long one":       {printer.Paper58(), false, "https://example.invalid/r?" + strings.Repeat("n=0123456789&", 12)},
		"80 mm, long, drawn here": {printer.Paper80(), true, "https://example.invalid/r?" + strings.Repeat("n=0123456789&", 12)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.profile.NoQR = c.noQR
			r := newRig(t, c.profile)
			doc := receipt(3)
			doc.Lines[len(doc.Lines)-1].QR = c.code
			doc.Lines = append(doc.Lines, printer.Line{Text: "回执下方的一行"})
			if err := r.p.Print(r.ctx, doc); err != nil {
				t.Fatal(err)
			}
			if got := readCodes(t, r.bench.Printer.Image()); len(got) != 1 || got[0] != c.code {
				t.Errorf("the paper says %q, want %q", got, c.code)
			}
		})
	}
}

// TestHalfACodeIsNotRead shows that the check above can fail.
func TestHalfACodeIsNotRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	if err := r.p.Print(r.ctx, receipt(0)); err != nil {
		t.Fatal(err)
	}
	whole := r.bench.Printer.Image().(*image.Gray)
	half := whole.SubImage(image.Rect(0, 0, whole.Rect.Dx()/2, whole.Rect.Dy()))
	if got := readCodes(t, half); len(got) != 0 {
		t.Errorf("half a code was read: %q", got)
	}
}
