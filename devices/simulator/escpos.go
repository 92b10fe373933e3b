package simulator

import (
	"image"

	"golang.org/x/text/encoding/simplifiedchinese"
	"rsc.io/qr"
)

// interpreter reads ESC/POS byte by byte, as a printer does, and puts lines on paper.
// Answers that stand in the queue behind the print data go out by say.
type interpreter struct {
	dots   int // printable width
	paper  *paper
	say    func([]byte)
	status func() byte // answer to GS r 1
	begin  func()      // ESC @ was obeyed
	asb    func(on bool)

	cmd        []byte // of an unfinished command
	raster     rasterJob
	line       []glyph
	skip       int // dots to leave free before the next character
	area       area
	align      Align
	wide, high int
	bold       bool
	kanji      bool
	spacing    int
	qrData     []byte
	qrModule   int
	qrLevel    qr.Level
	unknown    int // bytes that no known command begins with
}

type rasterJob struct {
	wide, high, scaleX, scaleY int
	left                       int
	data                       []byte
}

// reset is ESC @.
func (t *interpreter) reset() {
	t.cmd, t.line, t.raster = nil, nil, rasterJob{}
	t.align, t.wide, t.high, t.bold, t.kanji = Left, 1, 1, false, false
	t.spacing = lineFeed
	t.skip, t.area = 0, area{wide: t.dots}
	t.qrData, t.qrModule, t.qrLevel = nil, 3, qr.L
}

// feed takes one byte. It reports whether a line was finished.
func (t *interpreter) feed(b byte) (printed bool) {
	if t.raster.left > 0 {
		t.raster.data = append(t.raster.data, b)
		t.raster.left--
		if t.raster.left == 0 {
			return t.printRaster()
		}
		return false
	}
	t.cmd = append(t.cmd, b)
	done, printed := t.parse(t.cmd)
	if done {
		t.cmd = t.cmd[:0]
	}
	return printed
}

// parse executes c if it is whole.
func (t *interpreter) parse(c []byte) (done, printed bool) {
	switch c[0] {
	case '\n':
		t.flush(t.spacing)
		return true, true
	case '\r', 0:
		return true, false
	case 0x09:
		for range 8 - len(t.line)%8 {
			printed = t.put(' ') || printed
		}
		return true, printed
	case 0x10: // real-time commands were answered on arrival; here they are skipped
		switch {
		case len(c) == 1:
			return false, false
		case c[1] == 0x04 || c[1] == 0x05:
			return len(c) == 3, false
		case c[1] == 0x14:
			return len(c) >= 3 && len(c) == realTimeLength(c[2]), false
		}
		return true, false
	case 0x1B:
		return t.escape(c)
	case 0x1C:
		return t.chinese(c)
	case 0x1D:
		return t.group(c)
	}
	if c[0] < 0x20 {
		t.unknown++
		return true, false
	}
	if c[0] < 0x80 || !t.kanji {
		r := rune(c[0])
		if c[0] >= 0x80 {
			r = '¿' // a code page that this printer has not
		}
		return true, t.put(r)
	}
	if len(c) < 2 {
		return false, false
	}
	s, err := simplifiedchinese.GB18030.NewDecoder().Bytes(c)
	r := []rune(string(s))
	if err != nil || len(r) != 1 || r[0] == '\uFFFD' || (r[0] >= 0xE000 && r[0] < 0xF900) {
		r = []rune{'□'} // the font has no such character
	}
	return true, t.put(r[0])
}

func realTimeLength(fn byte) int {
	switch fn {
	case 8:
		return 10
	default:
		return 5
	}
}

// escape executes ESC commands.
func (t *interpreter) escape(c []byte) (done, printed bool) {
	if len(c) == 1 {
		return false, false
	}
	switch c[1] {
	case '@':
		t.reset()
		t.begin()
		return true, false
	case '2':
		t.spacing = lineFeed
		return true, false
	case '$', '\\':
		if len(c) < 4 {
			return false, false
		}
		t.move(c[1], int(c[2])|int(c[3])<<8)
		return true, false
	case 'a', '!', 'E', 'G', 'd', 'J', '3', 't', 'R', 'M', '-', ' ', 'V', '{':
	default:
		t.unknown++
		return true, false
	}
	if len(c) == 2 {
		return false, false
	}
	n := c[2]
	switch c[1] {
	case 'a':
		if n <= 2 || n >= '0' && n <= '2' {
			t.align = Align(n & 3)
		}
	case '!':
		t.bold, t.high, t.wide = n&8 != 0, 1+int(n>>4&1), 1+int(n>>5&1)
	case 'E', 'G':
		t.bold = n&1 != 0
	case '3':
		t.spacing = int(n)
	case 'd':
		t.flush(t.spacing)
		for range int(n) - 1 {
			t.paper.feed(t.spacing)
		}
		return true, true
	case 'J':
		t.flush(int(n))
		return true, true
	}
	return true, false
}

// chinese executes FS commands.
func (t *interpreter) chinese(c []byte) (done, printed bool) {
	if len(c) == 1 {
		return false, false
	}
	switch c[1] {
	case '&':
		t.kanji = true
		return true, false
	case '.':
		t.kanji = false
		return true, false
	case '!':
		if len(c) == 2 {
			return false, false
		}
		t.wide, t.high = 1+int(c[2]>>2&1), 1+int(c[2]>>3&1)
		return true, false
	case '-', 'C':
		return len(c) == 3, false
	case 'S':
		return len(c) == 4, false
	case '(':
		return len(c) >= 5 && len(c) >= 5+int(c[3])+int(c[4])<<8, false
	}
	t.unknown++
	return true, false
}

// group executes GS commands.
func (t *interpreter) group(c []byte) (done, printed bool) {
	if len(c) < 3 {
		return false, false
	}
	switch c[1] {
	case '!':
		t.wide, t.high = 1+int(c[2]>>4&7), 1+int(c[2]&7)
	case 'B':
	case 'a':
		t.asb(c[2] != 0)
	case 'r':
		if c[2] == 1 || c[2] == '1' {
			t.say([]byte{t.status()})
		}
	case 'V':
		if c[2] >= 'A' { // with feed
			if len(c) < 4 {
				return false, false
			}
			t.flush(0)
			t.paper.feed(int(c[3]))
		}
		t.flush(0)
		t.paper.cut()
		return true, true
	case 'L', 'W':
		if len(c) < 4 {
			return false, false
		}
		t.margin(c[1], int(c[2])|int(c[3])<<8)
	case 'P':
		return len(c) == 4, false
	case 'I':
		t.identify(c[2])
	case '(':
		if len(c) < 5 || len(c) < 5+int(c[3])+int(c[4])<<8 {
			return false, false
		}
		return true, t.extended(c[2], c[5:])
	case 'v':
		if len(c) < 8 {
			return false, false
		}
		w, h := int(c[4])+int(c[5])<<8, int(c[6])+int(c[7])<<8
		m := c[3] & 3
		t.raster = rasterJob{wide: w, high: h, scaleX: 1 + int(m&1), scaleY: 1 + int(m>>1), left: w * h}
	default:
		t.unknown++
	}
	return true, false
}

// extended executes GS ( commands.
func (t *interpreter) extended(fn byte, p []byte) (printed bool) {
	switch {
	case fn == 'H' && len(p) == 6 && p[0] == 48 && p[1] == 48:
		t.say([]byte{0x37, 0x22, p[2], p[3], p[4], p[5], 0})
	case fn == 'k' && len(p) >= 3 && p[0] == 49:
		switch p[1] {
		case 67:
			t.qrModule = min(max(int(p[2]), 1), 16)
		case 69:
			t.qrLevel = qr.Level(min(max(int(p[2])-48, 0), 3))
		case 80:
			t.qrData = append([]byte(nil), p[3:]...)
		case 81:
			return t.printQR()
		}
	}
	return false
}

// identify is GS I: who made the printer, what it is, which one it is.
func (t *interpreter) identify(n byte) {
	if name, ok := map[byte]string{66: "YEBAN", 67: "SIM-ESCPOS", 68: "0000000001"}[n]; ok {
		t.say(append(append([]byte{0x5F}, name...), 0))
	}
}

func (t *interpreter) printRaster() bool {
	j := t.raster
	t.raster = rasterJob{}
	img := image.NewGray(image.Rect(0, 0, j.wide*8*j.scaleX, j.high*j.scaleY))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			sx, sy := x/j.scaleX, y/j.scaleY
			if j.data[sy*j.wide+sx/8]>>(7-sx%8)&1 == 0 {
				img.Pix[y*img.Stride+x] = 0xFF
			}
		}
	}
	t.paper.picture(img, t.area, t.align, "")
	return true
}

func (t *interpreter) printQR() bool {
	code, err := qr.Encode(string(t.qrData), t.qrLevel)
	if err != nil {
		return false
	}
	n, m := code.Size, t.qrModule
	img := image.NewGray(image.Rect(0, 0, n*m, n*m))
	for y := range n * m {
		for x := range n * m {
			if !code.Black(x/m, y/m) {
				img.Pix[y*img.Stride+x] = 0xFF
			}
		}
	}
	t.flush(t.spacing)
	t.paper.picture(img, t.area, t.align, string(t.qrData))
	return true
}
