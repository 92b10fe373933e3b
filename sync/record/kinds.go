package record

var (
	_ Record = Application{}
	_ Record = Rating{}
	_ Record = Trace{}
	_ Record = DeviceEvent{}
)

// Kind is KindApplication.
func (Application) Kind() Kind { return KindApplication }

// Key is the application's ULID.
func (a Application) Key() string { return a.ID }

// Header tells staff which item was handed in and when, and not by whom.
func (a Application) Header() Header {
	return Header{
		Application:   a.ID,
		ReceiptNumber: a.ReceiptNumber,
		Item:          a.Item,
		ItemName:      a.ItemName,
		At:            a.Clock.Wall,
		Blobs:         a.Blobs,
	}
}

// Kind is KindRating.
func (Rating) Kind() Kind { return KindRating }

// Key is the rating's ULID.
func (r Rating) Key() string { return r.ID }

// Header names the application that was rated; the judgement stays inside the seal.
func (r Rating) Header() Header { return Header{Application: r.Application, At: r.At} }

// Kind is KindTrace.
func (Trace) Kind() Kind { return KindTrace }

// Key is the trace's ULID.
func (t Trace) Key() string { return t.ID }

// Header names the application whose visit this is, at its last step.
func (t Trace) Header() Header {
	h := Header{Application: t.Application}
	if n := len(t.Steps); n > 0 {
		h.At = t.Steps[n-1].At
	}
	return h
}

// Kind is KindDevice.
func (DeviceEvent) Kind() Kind { return KindDevice }

// Key is the event's ULID.
func (d DeviceEvent) Key() string { return d.ID }

// Header tells when and no more: a device event belongs to no application.
func (d DeviceEvent) Header() Header { return Header{At: d.Clock.Wall} }
