package intake

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	records       prometheus.Counter
	commitErrors  prometheus.Counter
	commitSeconds prometheus.Histogram
	groupSize     prometheus.Histogram
	faults        *prometheus.CounterVec
	commands      prometheus.Counter
	expired       prometheus.Counter
	reports       *prometheus.CounterVec
	blobBytes     prometheus.Counter
	blobs         *prometheus.CounterVec
	progress      *prometheus.CounterVec
}

// newMetrics registers what intake measures; reg may be nil.
func newMetrics(reg prometheus.Registerer, s *Server) *metrics {
	m := &metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yeban_intake_records_total", Help: "Entries committed for the first time."}),
		commitErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yeban_intake_commit_errors_total", Help: "Group commits that failed as a whole."}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "yeban_intake_commit_seconds", Help: "Duration of a group commit.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		groupSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "yeban_intake_group_batches", Help: "Batches in a group commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 12)}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yeban_intake_faults_total", Help: "Faults told to terminals."}, []string{"code"}),
		commands: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yeban_intake_commands_sent_total", Help: "Commands sent to terminals, again with each connection included."}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yeban_intake_commands_expired_total", Help: "Commands that were closed because no terminal fetched them, or said how they ended, in time."}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yeban_intake_reports_total", Help: "Reports of terminals on commands that told something new."}, []string{"state"}),
		blobBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yeban_intake_blob_bytes_total", Help: "Bytes of attachments stored."}),
		blobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yeban_intake_blobs_total", Help: "Attachments that became complete, had a wrong hash, or were refused."}, []string{"outcome"}),
		progress: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yeban_intake_progress_total", Help: "Questions for the progress of applications."}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.records, m.commitErrors, m.commitSeconds, m.groupSize, m.faults,
			m.commands, m.expired, m.reports, m.blobBytes, m.blobs, m.progress,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "yeban_intake_connections", Help: "Terminals connected to this process."},
				func() float64 { return float64(s.connections.Load()) }))
	}
	return m
}
