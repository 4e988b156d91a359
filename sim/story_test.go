package sim

import (
	"bytes"
	"strings"
	"testing"
)

// A failure's story fits a screen and says what, why, the faults and the command; its
// report is one file without a reference to another.
func TestStory(t *testing.T) {
	t.Parallel()
	for _, p := range planted {
		if p.name != "a read answered from the past" {
			continue
		}
		for seed := uint64(1000); ; seed++ {
			o := realTime()
			o.Tape, o.Blind = true, p.blind
			w := newWorld(DrawScenario(seed), o)
			w.sabotage = p.plant
			r := w.run()
			if r.Failure == nil {
				continue
			}
			story := Story(r, "go test ./sim -run TestSeed -seed 1000 -v")
			t.Log(story)
			lines := strings.Split(story, "\n")
			if len(lines) > 48 {
				t.Errorf("the story has %d lines", len(lines))
			}
			for _, want := range []string{"FAILED oracle=history", "what led to it", "faults (number", "repeat it: go test", "get"} {
				if !strings.Contains(story, want) {
					t.Errorf("the story does not say %q", want)
				}
			}
			var page bytes.Buffer
			if err := WriteReport(&page, r, "go test ./sim -run TestSeed -seed 1000"); err != nil {
				t.Fatal(err)
			}
			if page.Len() > maxReportBytes || strings.Contains(page.String(), "/*DATA*/") {
				t.Errorf("the report has %d bytes, the limit is %d", page.Len(), maxReportBytes)
			}
			for _, outside := range []string{"src=", "href=", "http://1", "https://", "@import"} {
				if strings.Contains(string(reportPage), outside) {
					t.Errorf("the report refers to something outside: %s", outside)
				}
			}
			if !strings.Contains(page.String(), `"culprit":true`) || !strings.Contains(page.String(), `"shown":true`) {
				t.Error("the report does not show the operation at fault and what it contradicts")
			}
			return
		}
	}
	t.Error("the planted bug is gone")
}

// Taping a run changes nothing in it, and stopping one ends it where it was asked to.
func TestTapeChangesNothing(t *testing.T) {
	t.Parallel()
	s := DrawScenario(3)
	o := realTime()
	plain := Run(s, o)
	o.Tape = true
	taped := Run(s, o)
	if plain.Hash != taped.Hash || len(taped.Tape.Messages) == 0 || len(taped.Tape.Moments) == 0 || len(taped.Tape.Calls) == 0 {
		t.Errorf("hash %016x without a tape and %016x with one", plain.Hash, taped.Hash)
	}
	if lines := taped.Tape.Lines("n2", "role"); len(lines) == 0 || !strings.Contains(lines[0], " n2 role") {
		t.Errorf("no line of node 2's roles: %q", lines)
	}
	o.Stop = 2000
	if stopped := Run(s, o); stopped.Failure == nil || stopped.Failure.Oracle != OracleStop || stopped.Events < 2000 || stopped.Events > 2100 || !strings.Contains(stopped.Failure.What, "node1 up") {
		t.Errorf("stopped: %+v after %d events", stopped.Failure, stopped.Events)
	}
}
