package sim

import (
	"bytes"
	_ "embed" // of the page
	"encoding/json"
	"fmt"
	"io"
	"time"
)

//go:embed report.html
var reportPage []byte

// maxReportBytes bounds a report; messages that are far from the failure go first.
const maxReportBytes = 2 << 20

// Limits of what a report holds before its size is looked at.
const (
	maxReportCalls    = 4000
	maxReportMoments  = 4000
	maxReportMessages = 8000
	maxReportText     = 200
)

// pageData is what the page draws. Times are in seconds.
type pageData struct {
	Seed     uint64       `json:"seed"`
	Hash     string       `json:"hash"`
	Shape    string       `json:"shape"`
	Text     string       `json:"text"`
	Command  string       `json:"command"`
	End      float64      `json:"end"`
	Nodes    int          `json:"nodes"`
	Shards   []int        `json:"shards"`
	Shard    int          `json:"shard"`
	Failure  *pageFailure `json:"failure"`
	Faults   []string     `json:"faults"`
	Bars     []pageBar    `json:"bars"`
	Moments  []pageMoment `json:"moments"`
	Calls    []pageCall   `json:"calls"`
	Messages [][5]any     `json:"messages"`
}

type pageFailure struct {
	Oracle Oracle  `json:"oracle"`
	At     float64 `json:"at"`
	What   string  `json:"what"`
}

type pageBar struct {
	Fault int     `json:"fault"`
	Hosts []int   `json:"hosts"`
	From  float64 `json:"from"`
	To    float64 `json:"to"`
}

type pageMoment struct {
	At    float64 `json:"at"`
	Event uint64  `json:"event"`
	Host  int     `json:"host"`
	What  string  `json:"what"`
	Words string  `json:"words"`
	Shard int     `json:"shard"`
	Term  uint64  `json:"term"`
	Role  string  `json:"role"`
}

type pageCall struct {
	Client  int     `json:"client"`
	Call    float64 `json:"call"`
	Return  float64 `json:"ret"`
	OK      bool    `json:"ok"`
	Text    string  `json:"text"`
	Shown   bool    `json:"shown"`
	Culprit bool    `json:"culprit"`
}

// WriteReport writes a run that was taped as one HTML file that needs nothing else:
// a lane a node, the clients' operations, the faults and what contradicts what.
func WriteReport(out io.Writer, r Report, command string) error {
	if r.Tape == nil {
		return fmt.Errorf("the run was not taped: Options.Tape asks for it")
	}
	d := newPage(r, command)
	for {
		data, err := json.Marshal(d)
		if err != nil {
			return err
		}
		page := bytes.Replace(reportPage, []byte("/*DATA*/"), data, 1)
		if len(page) <= maxReportBytes || len(d.Messages)+len(d.Calls) == 0 {
			_, err = out.Write(page)
			return err
		}
		d.Messages = d.Messages[len(d.Messages)/2+len(d.Messages)%2:]
		if len(d.Messages) == 0 {
			d.Calls = d.Calls[len(d.Calls)/2+len(d.Calls)%2:]
		}
	}
}

func newPage(r Report, command string) *pageData {
	t := r.Tape
	s := &r.Scenario
	d := &pageData{
		Seed: s.Seed, Hash: fmt.Sprintf("%016x", r.Hash), Text: r.Text, Command: command, End: r.Simulated.Seconds(), Nodes: s.Nodes, Shards: []int{-1},
		Shape: fmt.Sprintf("%d nodes, %d shards, replication %d, load from %.3f s", s.Nodes, s.Shards, s.ReplicationFactor, r.Formed.Seconds()),
		Bars:  []pageBar{}, Moments: []pageMoment{}, Calls: []pageCall{}, Messages: [][5]any{}, Faults: []string{},
	}
	for i := range s.Shards {
		d.Shards = append(d.Shards, i)
	}
	if f := r.Failure; f != nil {
		d.Failure = &pageFailure{f.Oracle, f.At, f.What}
	}
	for i, f := range s.Faults {
		d.Faults = append(d.Faults, fmt.Sprintf("%s (%d)", f, r.Bites[i]))
	}
	for _, b := range t.Bars {
		d.Bars = append(d.Bars, pageBar{b.Fault, append([]int{}, b.Hosts...), b.From.Seconds(), b.To.Seconds()})
	}
	for _, m := range latest(t.Moments, maxReportMoments) {
		d.Moments = append(d.Moments, pageMoment{m.At.Seconds(), m.Event, m.Host, m.What, short(m.Words), m.Shard, m.Term, m.Role})
	}
	focus := r.Simulated
	for _, c := range t.Calls {
		if c.Culprit {
			focus = max(c.Call, c.Return)
		}
	}
	for _, c := range latest(t.Calls, maxReportCalls) {
		ret := -1.0
		if c.Return >= 0 {
			ret = c.Return.Seconds()
		}
		d.Calls = append(d.Calls, pageCall{c.Client, c.Call.Seconds(), ret, c.OK, short(c.Text), c.Shown, c.Culprit})
	}
	var before []Message
	for _, m := range t.Messages {
		if m.Sent <= focus {
			before = append(before, m)
		}
	}
	for _, m := range latest(before, maxReportMessages) {
		d.Messages = append(d.Messages, [5]any{round(m.Sent), round(m.Arrived), m.From, m.To, short(m.Text)})
	}
	return d
}

func latest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func short(s string) string {
	if r := []rune(s); len(r) > maxReportText {
		return string(r[:maxReportText]) + "…"
	}
	return s
}

// round keeps microseconds.
func round(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
