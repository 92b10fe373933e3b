package printer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"yeban/devices/simulator"
)

// sheet is a document with what the other encoder is told of it.
type sheet struct {
	doc     Document
	profile Profile
	picture map[string]image.Image // drawn instead of a line of that text
}

// Line makes a sheet the Rasterizer of its own pictures.
func (s sheet) Line(text string, _ int, _ bool) (image.Image, error) { return s.picture[text], nil }

func (s sheet) encoded(t *testing.T) []byte {
	t.Helper()
	atoms, err := Encode(s.doc, s.profile, s)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(atoms...)
}

func (s sheet) millimetres() int {
	if s.profile.DotsWide == 384 {
		return 58
	}
	return 80
}

// task writes the sheet down as a ReceiptLine document. The size of a code's modules is
// our own choice and not encoding; it is taken from what we made of the document.
func (s sheet) task(ours []byte) task {
	cells := moduleSizes(ours)
	out := task{Columns: s.profile.Columns}
	var b strings.Builder
	for _, l := range s.doc.Lines {
		switch img := s.picture[l.Text]; {
		case l.QR != "":
			out.Codes = true
			b.WriteString(placed(fmt.Sprintf("{code:%s;option:qrcode,%d,m}", escaped(l.QR), cells[0]), l.Align) + "\n\n")
			cells = cells[1:]
		case l.Rule:
			b.WriteString(placed(escaped(strings.Repeat("-", s.profile.Columns)), Left) + "\n")
		case img != nil:
			var file bytes.Buffer
			if err := png.Encode(&file, img); err != nil {
				panic(err)
			}
			// Below a picture we leave the gap that a line of text has: ESC J 6.
			b.WriteString(placed("{image:"+base64.StdEncoding.EncodeToString(file.Bytes())+"}", l.Align) + "\n{command:\\x1bJ\\x06}\n")
		default:
			text := escaped(l.Text)
			if size := min(max(l.Size, 1), 4); size > 1 {
				carets := strings.Repeat("^", size+1)
				text = carets + text + carets
			}
			if l.Bold {
				text = `"` + text + `"`
			}
			b.WriteString(placed(text, l.Align) + "\n")
		}
		b.WriteString(strings.Repeat("\n", l.Feed))
	}
	b.WriteString("\n\n\n=")
	out.Markdown = b.String()
	return out
}

// escaped keeps ReceiptLine from reading text as its own marks.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == ' ' || strings.ContainsRune("\\{|}-=_\"`^~;", r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// placed puts a column's bars so that it stands where it should.
func placed(column string, a Align) string {
	return map[Align]string{Left: "|" + column, Center: column, Right: column + "|"}[a]
}

// moduleSizes are the sizes that the commands in a stream give to codes.
func moduleSizes(stream []byte) (sizes []int) {
	head := []byte{0x1D, '(', 'k', 3, 0, 49, 67}
	for _, part := range bytes.Split(stream, head)[1:] {
		sizes = append(sizes, int(part[0]))
	}
	return sizes
}

// difference tells in which way two streams come out differently on paper, "" if in none.
func difference(millimetres int, ours, theirs []byte) string {
	a, b := simulator.Interpret(millimetres, ours), simulator.Interpret(millimetres, theirs)
	if a.Unknown != 0 || b.Unknown != 0 {
		return fmt.Sprintf("not understood: %d bytes of ours, %d of theirs", a.Unknown, b.Unknown)
	}
	if len(a.Receipts) != len(b.Receipts) {
		return fmt.Sprintf("pieces of paper: %d, theirs %d", len(a.Receipts), len(b.Receipts))
	}
	for i := range a.Receipts {
		x, y := said(a.Receipts[i]), said(b.Receipts[i])
		for j := range max(len(x), len(y)) {
			if j >= len(x) || j >= len(y) || x[j] != y[j] {
				return fmt.Sprintf("line %d of piece %d:\nours   %+v\ntheirs %+v", j+1, i+1, x[min(j, len(x)):], y[min(j, len(y)):])
			}
		}
	}
	x, y := a.Image.(*image.Gray), b.Image.(*image.Gray)
	if x.Rect != y.Rect {
		return fmt.Sprintf("paper is %v dots, theirs %v", x.Rect.Max, y.Rect.Max)
	}
	for i := range x.Pix {
		if x.Pix[i] != y.Pix[i] {
			return fmt.Sprintf("dot at %d,%d", i%x.Stride, i/x.Stride)
		}
	}
	return ""
}

// said is a receipt's lines without what only the dots can tell: the other encoder centres
// by position, not by ESC a, prints a space on empty lines, and cuts pictures differently.
func said(r simulator.Receipt) (lines []simulator.PrintedLine) {
	for _, l := range r.Lines {
		if l.Align = simulator.Left; !l.Picture && (l.QR != "" || strings.Trim(l.Text, " ") != "") {
			lines = append(lines, l)
		}
	}
	return lines
}

// sheets makes up documents. Those with pictures have no codes: no release of the other
// encoder has both commands.
func sheets(n int) (all []sheet) {
	random := rand.New(rand.NewPCG(58, 80))
	letters := []rune("0123456789ABCxyz .,:;/()-=_\"'`^~\\{|}#*+<>@!?$%&")
	var chinese []rune
	for r := rune(0x2010); r < 0xFFF0; r++ {
		if inPrinter(r) && norm.NFC.IsNormalString(string(r)) { // they normalize
			chinese = append(chinese, r)
		}
	}
	pick := func(from []rune, columns int) string {
		var text []rune
		for columns > 0 && random.IntN(30) > 0 {
			r := from[random.IntN(len(from))]
			text = append(text, r)
			columns -= width(r)
		}
		return strings.TrimSpace(string(text)) // they trim
	}
	for i := range n {
		s := sheet{profile: []Profile{Paper58(), Paper80()}[random.IntN(2)], picture: map[string]image.Image{}}
		for range 1 + random.IntN(12) {
			l := Line{Align: Align(random.IntN(3)), Size: random.IntN(5), Bold: random.IntN(3) == 0, Feed: random.IntN(3)}
			room := s.profile.Columns / min(max(l.Size, 1), 4)
			switch random.IntN(8) {
			case 0:
				l = Line{Rule: true}
			case 1:
				if i%2 == 0 {
					l.QR = "YB" + pick(letters, 60)
				} else {
					l.Text = string(rune(0xE100 + len(s.picture)))
					wide := 1 + random.IntN(s.profile.DotsWide)
					if l.Align != Left { // printers align pictures by bytes
						wide = (wide + 15) / 16 * 16
					}
					s.picture[l.Text] = blot(random, wide)
				}
			case 2, 3:
				l.Text = pick(letters, room-1)
			case 4, 5:
				l.Text = pick(slices.Concat(chinese, letters, letters), room-1)
			default: // long: only Chinese, which both break where the paper ends
				l.Text = pick(chinese, room*(1+random.IntN(3)))
			}
			s.doc.Lines = append(s.doc.Lines, l)
		}
		all = append(all, s)
	}
	return all
}

// blot is a picture of random dots.
func blot(random *rand.Rand, wide int) image.Image {
	img := image.NewGray(image.Rect(0, 0, wide, 24))
	for i := range img.Pix {
		img.Pix[i] = byte(random.IntN(2)) * 0xFF
	}
	// No byte is DLE: harmless would have to add a dot.
	for y := range 24 {
		for x := range img.Rect.Dx() {
			if x%4 == 3 {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	return img
}

// TestPaperIsAsAnotherEncoderPrintsIt has documents encoded by us and by the npm package
// receiptline, and the simulated printer read both.
func TestPaperIsAsAnotherEncoderPrintsIt(t *testing.T) {
	t.Parallel()
	all := sheets(150)
	var tasks []task
	for _, s := range all {
		tasks = append(tasks, s.task(s.encoded(t)))
	}
	for i, theirs := range consult(t, tasks) {
		if d := difference(all[i].millimetres(), all[i].encoded(t), theirs); d != "" {
			t.Errorf("document %d: %s\n%s", i, d, tasks[i].Markdown)
		}
	}
}

// TestOneByteIsEnoughToDiffer shows that the comparison can fail: whatever byte of a stream
// is another one, the paper, or what is not understood, is another.
func TestOneByteIsEnoughToDiffer(t *testing.T) {
	t.Parallel()
	s := sheet{profile: Paper80(), doc: Document{Lines: []Line{
		{Text: "受理回执", Align: Center, Size: 2, Bold: true}, {Text: "No 17"}, {QR: "YB01", Align: Right},
	}}}
	ours := s.encoded(t)
	theirs := consult(t, []task{s.task(ours)})[0]
	if d := difference(80, ours, theirs); d != "" {
		t.Fatal(d)
	}
	for what, at := range map[string]int{
		"a letter":        bytes.Index(ours, []byte("No 17")),
		"a Chinese byte":  bytes.Index(ours, gb("受")) + 1,
		"the alignment":   bytes.Index(ours, []byte{0x1B, 'a', 1}) + 2,
		"the size":        bytes.Index(ours, []byte{0x1D, '!', 0x11}) + 2,
		"boldness":        bytes.Index(ours, []byte{0x1B, 'E', 1}) + 2,
		"the code's text": bytes.Index(ours, []byte("YB01")),
		"its module":      bytes.Index(ours, []byte{49, 67}) + 2,
		"its level":       bytes.Index(ours, []byte{49, 69}) + 2,
		"the cut":         bytes.LastIndex(ours, []byte{0x1D, 'V'}) + 1,
		"a line feed":     bytes.IndexByte(ours, '\n'),
	} {
		other := bytes.Clone(ours)
		other[at] ^= 1
		if difference(80, other, theirs) == "" {
			t.Errorf("%s altered, no difference found", what)
		}
	}
}

// TestCommandsWithOneFormAreTheSameBytes: the QR block, the cut, and a picture's head and
// rows can be said in one way only.
func TestCommandsWithOneFormAreTheSameBytes(t *testing.T) {
	t.Parallel()
	code := sheet{profile: Paper58(), doc: Document{Lines: []Line{{QR: "YB34010300170001"}}}}
	drawn := sheet{profile: Paper58(), doc: Document{Lines: []Line{{Text: "\ue100"}}},
		picture: map[string]image.Image{"\ue100": blot(rand.New(rand.NewPCG(1, 1)), 384)}}
	ours := [][]byte{code.encoded(t), drawn.encoded(t)}
	theirs := consult(t, []task{code.task(ours[0]), drawn.task(ours[1])})
	for what, cut := range map[string]func(i int, stream []byte) []byte{
		"code": func(i int, b []byte) []byte {
			first, last := bytes.Index(b, []byte{0x1D, '(', 'k'}), bytes.LastIndex(b, []byte{49, 81, 48})
			return b[max(first, 0) : last+3]
		},
		"cut": func(i int, b []byte) []byte {
			at := bytes.LastIndex(b, []byte{0x1D, 'V'})
			return b[at : at+4]
		},
		"picture": func(i int, b []byte) []byte {
			at := bytes.Index(b, []byte{0x1D, 'v', '0'})
			if at < 0 {
				return nil
			}
			n := 8 + (int(b[at+4])+int(b[at+5])<<8)*(int(b[at+6])+int(b[at+7])<<8)
			return b[at : at+n]
		},
	} {
		for i := range ours {
			a, b := cut(i, ours[i]), cut(i, theirs[i])
			if !bytes.Equal(a, b) {
				t.Errorf("%s: % x\ntheirs % x", what, a, b)
			}
		}
	}
}

// TestEveryCharacterIsTheSameBytes: all that we send as text is GB18030 as others know it.
func TestEveryCharacterIsTheSameBytes(t *testing.T) {
	t.Parallel()
	var all []rune
	for r := rune(0x20); r <= utf8.MaxRune; r++ {
		if inPrinter(r) {
			all = append(all, r)
		}
	}
	theirs := consult(t, []task{{Text: string(all)}})[0]
	for _, r := range all {
		b := gb(string(r))
		if !bytes.HasPrefix(theirs, b) {
			t.Fatalf("%U is % x, theirs % x", r, b, theirs[:min(4, len(theirs))])
		}
		theirs = theirs[len(b):]
	}
	if len(theirs) > 0 || len(all) < 20_000 {
		t.Errorf("%d characters compared, %d bytes of theirs left", len(all), len(theirs))
	}
}
