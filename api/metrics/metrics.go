// Package metrics shows the figures of a node to Prometheus: it asks for them when it is
// scraped, and counts the answers of the HTTP interface. It has a registry of its own and
// decides nothing; what it tells is what the node says of itself.
package metrics

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// namespace begins every name but those of the Go runtime and the process.
	namespace = "ruvector_flow_"
	// scrapeTimeout bounds a scrape; Prometheus itself gives up after 10 s by default.
	scrapeTimeout = 8 * time.Second
	// maxScrapes is how many scrapes may be under way; one more is answered with 503.
	maxScrapes = 4
)

// durationBuckets are the bounds of the histograms of requests, in seconds: a get takes
// about a millisecond, a failover half a second, a batch of 64 MiB some seconds.
var durationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Source adds figures to a scrape. It may be called by several goroutines at a time and
// should return when ctx ends.
type Source func(ctx context.Context, s *Sink)

// Config is what the metrics are made of.
type Config struct {
	// Version is the program's version, "dev" if empty; Kernel names the distance kernel in use.
	Version, Kernel string
	// Sources are asked at each scrape, one after the other.
	Sources []Source
	// Logf, if not nil, is told of figures that contradict each other.
	Logf func(format string, args ...any)
}

// Metrics is the registry of one node.
type Metrics struct {
	cfg       Config
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// New returns the metrics of a node.
func New(cfg Config) *Metrics {
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	m := &Metrics{cfg: cfg, registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: namespace + "http_requests_total", Help: "HTTP requests that were answered, by route, method and status.",
		}, []string{"route", "method", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: namespace + "http_request_duration_seconds", Help: "Time from a request's header to the end of its answer.", Buckets: durationBuckets,
		}, []string{"route", "method"}),
	}
	m.registry.MustRegister(m.requests, m.durations, scraped{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts a request; it is what api.Config.Observe wants. A method that no route
// has is counted as "OTHER", whatever its name.
func (m *Metrics) Observe(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead:
	default:
		method = "OTHER"
	}
	if status == 0 { // it panicked
		status = http.StatusInternalServerError
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route, method).Observe(took.Seconds())
}

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: logger{m.cfg.Logf}, ErrorHandling: promhttp.ContinueOnError, Registry: m.registry,
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout + time.Second,
	})
}

// Gatherer returns the registry, for who wants the figures without HTTP.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// scraped is the collector of what the sources say.
type scraped struct{ m *Metrics }

// Describe implements prometheus.Collector: which series there are shows at each scrape.
func (scraped) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c scraped) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s := &Sink{out}
	s.Gauge("build_info", "The program that runs: always 1.", "version", "revision", "goversion")(1, c.m.cfg.Version, revision(), runtime.Version())
	s.Gauge("distance_kernel_info", "The kernel that computes distances: always 1.", "kernel")(1, c.m.cfg.Kernel)
	for _, source := range c.m.cfg.Sources {
		source(ctx, s)
	}
}

// revision is the commit that the program was built from, "unknown" if it does not say.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// Sink takes the figures of a scrape. Names are without the common beginning, in base
// units; a name must have the same help and labels in every scrape.
type Sink struct{ out chan<- prometheus.Metric }

// Series adds a value with its labels' values, in the order of their names.
type Series func(value float64, labels ...string)

// Gauge begins a figure that rises and falls.
func (s *Sink) Gauge(name, help string, labels ...string) Series {
	return s.series(prometheus.GaugeValue, name, help, labels)
}

// Counter begins a figure that only rises while the process lives; its name ends in _total.
func (s *Sink) Counter(name, help string, labels ...string) Series {
	return s.series(prometheus.CounterValue, name, help, labels)
}

func (s *Sink) series(kind prometheus.ValueType, name, help string, labels []string) Series {
	desc := prometheus.NewDesc(namespace+name, help, labels, nil)
	return func(value float64, values ...string) {
		m, err := prometheus.NewConstMetric(desc, kind, value, values...)
		if err != nil {
			m = prometheus.NewInvalidMetric(desc, err)
		}
		s.out <- m
	}
}

// Histogram adds a histogram: how many there were, their sum, and by upper bound how many
// were up to that.
func (s *Sink) Histogram(name, help string, count uint64, sum float64, buckets map[float64]uint64) {
	desc := prometheus.NewDesc(namespace+name, help, nil, nil)
	m, err := prometheus.NewConstHistogram(desc, count, sum, buckets)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	s.out <- m
}

// logger makes lines of what Prometheus's handler has to say.
type logger struct {
	logf func(format string, args ...any)
}

// Println implements promhttp.Logger.
func (l logger) Println(v ...any) {
	if l.logf != nil {
		l.logf("metrics: %s", fmt.Sprint(v...))
	}
}
