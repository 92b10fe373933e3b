package conform

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/oklog/ulid/v2"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// call calls and gives the Result's frame. A server that does not know the method ends
// the case as skipped.
func (p *peer) call(id string, m protocol.Method, body any) (protocol.Frame, error) {
	if err := p.send(protocol.Call, id, m, body); err != nil {
		return protocol.Frame{}, err
	}
	f, err := p.answer(id)
	if err != nil {
		return f, err
	}
	if f.Type != protocol.Error {
		if f.Method != m {
			return f, fmt.Errorf("%s is answered with %s", m, f.Method)
		}
		return f, nil
	}
	err = faultOf(&f)
	if fault, ok := errors.AsType[*protocol.Fault](err); ok && fault.Code == protocol.FaultUnknown {
		return f, skip("the server does not know %s", m)
	}
	return f, err
}

// declined wants a fault as the answer to a call.
func declined(err error, want protocol.FaultCode) error {
	fault, ok := errors.AsType[*protocol.Fault](err)
	switch {
	case err == nil:
		return errors.New("answered as if all were well")
	case !ok:
		return err
	case fault.Code != want:
		return fmt.Errorf("fault %s", fault.Code)
	}
	return nil
}

func (p *peer) blob(id string, b *protocol.Blob) (have int64, err error) {
	f, err := p.call(id, protocol.MethodBlob, b)
	if err != nil {
		return 0, err
	}
	var h protocol.BlobHave
	if err := f.Decode(&h); err != nil {
		return 0, err
	}
	if h.Hash != b.Hash {
		return h.Have, errors.New("answered for another attachment")
	}
	return h.Have, nil
}

var callCases = []one{
	{name: "COMMAND", spec: "command.json", expected: "COMMAND with every connection until its REPORT says that it has ended",
		run: func(*visit) error { return skip("cannot be provoked from here: give an order at the console") }},
	{name: "REPORT on an order that nobody gave", spec: "report.json; fault.json: bad-frame", expected: "Error bad-frame to the call; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			_, err = p.call("r1", protocol.MethodReport, &protocol.Report{Command: ulid.Make().String(), State: protocol.CommandDone, At: time.Now()})
			if err := declined(err, protocol.FaultBadFrame); err != nil {
				return err
			}
			return p.lives(l)
		}},
	{name: "BLOB of an attachment", spec: "blob.json, blobhave.json; asyncapi.yaml, info: sent in BLOBs from where the answer says", expected: "have grows with each piece, survives a broken connection, and is all when all is there",
		run: attachment},
	{name: "BLOB of an attachment that no record names", spec: "blob.json, blobhave.json; fault.json: bad-frame", expected: "a piece behind a gap is answered with have 0 or with Error bad-frame; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			sealed := []byte("stray attachment")
			have, err := p.blob("b1", &protocol.Blob{Hash: sm3.Sum(sealed), Bytes: int64(len(sealed)) + 5, Offset: 5, Data: sealed})
			if err == nil && have != 0 {
				return fmt.Errorf("have %d of what was never sent", have)
			}
			if err != nil {
				if err := declined(err, protocol.FaultBadFrame); err != nil {
					return err
				}
			}
			return p.lives(l)
		}},
	{name: "PROGRESS of somebody unknown", spec: "progress.json, progresslist.json", expected: "an empty list",
		run: func(v *visit) error {
			p, _, err := v.talking()
			if err != nil {
				return err
			}
			var q protocol.Progress
			if q.Key, q.Sealed, err = record.Seal(nil, v.cfg.Platform, []byte("34010419000101888X"), []byte(protocol.ProgressSeal)); err != nil {
				return err
			}
			f, err := p.call("p1", protocol.MethodProgress, &q)
			if err != nil {
				return err
			}
			var list protocol.ProgressList
			if err := f.Decode(&list); err != nil {
				return err
			}
			if len(list.Applications) > 0 {
				return fmt.Errorf("%d applications of nobody", len(list.Applications))
			}
			return nil
		}},
	{name: "PROGRESS that does not open", spec: "progress.json; fault.json: bad-frame", expected: "Error bad-frame to the call; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			_, err = p.call("p2", protocol.MethodProgress, &protocol.Progress{Key: []byte("no key"), Sealed: []byte("no seal")})
			if err := declined(err, protocol.FaultBadFrame); err != nil {
				return err
			}
			return p.lives(l)
		}},
}

func attachment(v *visit) error {
	l, err := newLog()
	if err != nil {
		return err
	}
	sealed := make([]byte, 3000)
	_, _ = rand.Read(sealed)
	hash, size := record.Hash(sm3.Sum(sealed)), int64(len(sealed))
	if _, err := l.addWith(v, []record.BlobRef{{Hash: hash, Bytes: size, Role: record.BlobSignature, Media: "image/png"}}); err != nil {
		return err
	}
	p, _, err := v.connect(l)
	if err == nil {
		err = p.exchange(l, 1)
	}
	if err != nil {
		return err
	}
	have, err := p.blob("b1", &protocol.Blob{Hash: hash, Bytes: size})
	if err != nil {
		return err
	}
	if have != 0 {
		return fmt.Errorf("have %d before the first piece", have)
	}
	if have, err = p.blob("b2", &protocol.Blob{Hash: hash, Bytes: size, Data: sealed[:1000]}); err != nil {
		return err
	}
	if have != 1000 {
		return fmt.Errorf("have %d after a piece of 1000", have)
	}
	p.ws.NetConn().Close()
	if p, _, err = v.connect(l); err != nil {
		return err
	}
	if have, err = p.blob("b3", &protocol.Blob{Hash: hash, Bytes: size}); err != nil {
		return err
	}
	if have != 1000 {
		return fmt.Errorf("have %d after connecting anew, it was 1000", have)
	}
	for _, id := range []string{"b4", "b5"} { // the second time it is all there
		have, err = p.blob(id, &protocol.Blob{Hash: hash, Bytes: size, Offset: 1000, Data: sealed[1000:]})
		if err != nil {
			return err
		}
		if have != size {
			return fmt.Errorf("have %d of %d when all was sent", have, size)
		}
	}
	return nil
}
