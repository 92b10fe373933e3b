package model

// Tally counts what happened in a life.
type Tally struct {
	Promised  int // receipts given
	AtHub     int // records there in the end
	Destroyed int // receipts whose record an older disk was put in the place of, everywhere
	Pruned    int // entries that a terminal dropped
	Conflicts int // kept at the hub
	Logs      int // at the hub
	Blobs     int // attachments whole at the hub in the end
	BlobsGone int // attachments of records at the hub that an older disk was put in the place of, everywhere
	Orders    int // given
	Obeyed    int // carried out to their end
	Talks     int // connections that came as far as HELLO
	Cuts      int // connections that broke in the middle of what was being written
	Falls     int // of the hub
}

// Add sums up.
func (t *Tally) Add(o Tally) {
	t.Promised += o.Promised
	t.AtHub += o.AtHub
	t.Destroyed += o.Destroyed
	t.Pruned += o.Pruned
	t.Conflicts += o.Conflicts
	t.Logs += o.Logs
	t.Blobs += o.Blobs
	t.BlobsGone += o.BlobsGone
	t.Orders += o.Orders
	t.Obeyed += o.Obeyed
	t.Talks += o.Talks
	t.Cuts += o.Cuts
	t.Falls += o.Falls
}
