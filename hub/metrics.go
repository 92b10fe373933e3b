package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/store"
)

// registerMetrics adds what waits for a person.
func (m *Main) registerMetrics(reg prometheus.Registerer) {
	reg.MustRegister(attention{m.store, prometheus.NewDesc("yeban_attention",
		"What waits for a person; -1 when the store is away.", []string{"what"}, nil)})
}

// attention counts when somebody asks for metrics.
type attention struct {
	store *store.Store
	desc  *prometheus.Desc
}

func (a attention) Describe(ch chan<- *prometheus.Desc) { ch <- a.desc }

func (a attention) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n, err := a.store.CountAttention(ctx)
	if err != nil {
		n = store.Attention{Alarms: -1, Parked: -1, Conflicts: -1}
	}
	for what, count := range map[string]int{"alarms": n.Alarms, "parked": n.Parked, "conflicts": n.Conflicts} {
		ch <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, float64(count), what)
	}
}
