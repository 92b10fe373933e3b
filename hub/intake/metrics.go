package intake

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	records       prometheus.Counter
	commitErrors  prometheus.Counter
	commitSeconds prometheus.Histogram
	groupSize     prometheus.Histogram
	faults        *prometheus.CounterVec
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
	}
	if reg != nil {
		reg.MustRegister(m.records, m.commitErrors, m.commitSeconds, m.groupSize, m.faults,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "yeban_intake_connections", Help: "Terminals connected to this process."},
				func() float64 { return float64(s.connections.Load()) }))
	}
	return m
}
