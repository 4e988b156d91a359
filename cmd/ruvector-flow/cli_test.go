package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

// cli runs one command line without a signal and returns what a shell would see.
func cli(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	return cliContext(t, t.Context(), "", args...)
}

func cliContext(t *testing.T, ctx context.Context, in string, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(ctx, args, strings.NewReader(in), &o, &e)
	return o.String(), e.String(), code
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it after: go test ./cmd/ruvector-flow -run '%s' -rewrite\ngot:\n%s\nwant:\n%s", file, t.Name(), got, want)
	}
}

func TestHelpOfEveryCommand(t *testing.T) {
	var all strings.Builder
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.Short == "" {
			t.Errorf("%s has no description", cmd.CommandPath())
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		out, errOut, code := cli(t, append(path, "--help")...)
		if code != exitOK || errOut != "" {
			t.Errorf("%s --help: exit code %d, stderr %q", cmd.CommandPath(), code, errOut)
		}
		fmt.Fprintf(&all, "$ %s --help\n%s\n", cmd.CommandPath(), out)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).root())
	golden(t, "help.txt", all.String())
}

func TestKernelVariable(t *testing.T) {
	t.Setenv(kernelVariable, "mmx")
	out, errOut, code := cli(t, "version")
	if code != exitUsage || out != "" || !strings.HasPrefix(errOut, "ruvector-flow: RUVECTOR_FLOW_KERNEL: ") ||
		!strings.Contains(errOut, `"mmx"`) || !strings.Contains(errOut, "portable") {
		t.Errorf("with an unknown kernel: exit code %d, stdout %q, stderr %q", code, out, errOut)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, c := range []struct {
		line, want string
	}{
		{"clustr", `unknown command "clustr"; did you mean "cluster"? (see ruvector-flow --help)`},
		{"vector sarch", `unknown command "sarch"; did you mean "search"?`},
		{"cluster node", ""},
		{"cluster health --bogus", "unknown flag: --bogus (see ruvector-flow cluster health --help)"},
		{"cluster health --format xml", `--format is "xml"; it must be table or json`},
		{"cluster health --endpoint :::", `--endpoint ":::" is not a URL`},
		{"cluster health --endpoint ftp://a", `--endpoint "ftp://a" is not a URL`},
		{"cluster health --endpoint ,", "--endpoint is empty"},
		{"cluster health --timeout 0s", "--timeout must be more than 0"},
		{"cluster health extra", `unexpected argument "extra"`},
		{"cluster init", "missing flag: --node-id"},
		{"cluster init --node-id a", "missing flag: --data-dir"},
		{"cluster init --node-id a --data-dir d --shards 0", "--shards is 0"},
		{"cluster init --node-id a --data-dir d --listen 8080", `--listen is "8080"`},
		{"cluster init --node-id a --data-dir d --workers -1", "--workers is -1"},
		{"cluster join --node-id a --data-dir d", "missing flag: --peers"},
		{"cluster join --node-id a --data-dir d --peers x", `--peers: "x" is not an address`},
		{"collection create", "missing argument: NAME"},
		{"collection create a", "missing flag: --dim"},
		{"collection create a --dim 0", "--dim is 0"},
		{"collection create a --dim x", `invalid argument "x" for "--dim"`},
		{"collection create a b --dim 3", `unexpected argument "b" after NAME`},
		{"collection create a --dim 3 --metric taxi", `--metric: distance "taxi" is not one of`},
		{"vector count", "missing flag: --collection"},
		{"vector count -c a --level best", `--level: read level "best" is not one of`},
		{"vector count -c a --level session", "--level session needs --session"},
		{"vector count -c a --level session --session %", "--session: session token"},
		{"vector count -c a --level bounded", "--level bounded needs --max-staleness"},
		{"vector insert -c a --id 1", "missing flag: --vector"},
		{"vector insert -c a --id 1 --vector 1,x", `--vector: component 1 is "x"`},
		{"vector insert -c a --id 1 --vector 1,NaN", "--vector: vector component 1 is NaN"},
		{"vector insert -c a --id 1 --vector 1e99", "component 0"},
		{"vector insert -c a --id 1 --vector []", "the vector is empty"},
		{"vector insert -c a --id 1 --vector {}", `the object has no "vector"`},
		{"vector insert -c a --id= --vector 1", "--id: id is empty"},
		{"vector insert -c a --id 1 --vector 1 --metadata [1]", "--metadata is not a JSON object"},
		{"vector search -c a --vector 1 -k 0", "-k is 0"},
		{"vector import -c a", "missing argument: FILE"},
		{"vector import -c a f.idx --batch 0", "--batch is 0"},
		{"vector import -c a f.idx --concurrency 0", "--concurrency is 0"},
		{"vector import -c a f.idx --skip -1", "must not be negative"},
		{"vector import -c a f.idx --skip 1 --state s", "give one"},
		{"vector import -c a - --state s", "standard input cannot be read again"},
		{"vector import -c a f.idx --input-format csv", `input format "csv" is not one of`},
		{"bench search -c a", "missing flag: --queries"},
		{"bench search -c a --queries q --truth t --limit -1", "--limit must not be negative"},
		{"bench kv --concurrency 1,a", `"a" is not a number`},
		{"bench kv --duration 0s", "--duration must be more than 0"},
	} {
		checkWrongLine(t, c.line, c.want)
	}
}

// checkWrongLine runs a command line that is refused with one line holding want; or, if
// want is empty, answered with help.
func checkWrongLine(t *testing.T, line, want string) {
	t.Helper()
	out, errOut, code := cli(t, strings.Fields(line)...)
	if want == "" {
		if code != exitOK || errOut != "" || !strings.Contains(out, "Usage:") {
			t.Errorf("%s: exit code %d, stderr %q; want its help", line, code, errOut)
		}
		return
	}
	if code != exitUsage || out != "" || !strings.Contains(errOut, want) || strings.Count(errOut, "\n") != 1 || !strings.HasPrefix(errOut, "ruvector-flow: ") {
		t.Errorf("%s: exit code %d, stdout %q, stderr %q; want code %d and one line with %q", line, code, out, errOut, exitUsage, want)
	}
}

func TestFailuresExitWithOne(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status":{"error":"collection \"a\"\nis not there","kind":"not found"},"time":0}`)
	}))
	defer server.Close()
	for _, line := range []string{
		"vector count -c a", "collection info a", "collection delete a", "vector get -c a --id 7", "vector search -c a --vector 1",
		"vector import -c a demodata/" + demoBaseFile,
	} {
		out, errOut, code := cli(t, append(strings.Fields(line), "--endpoint", server.URL)...)
		if code != exitError || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, `collection "a" is not there`) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want code 1 and the server's reason on one line", line, code, out, errOut)
		}
	}
	for _, line := range []string{
		"cluster health --endpoint 127.0.0.1:1", "cluster init --node-id a --listen 256.0.0.1:1 --data-dir " + t.TempDir(),
		"vector import -c a /does/not/exist.idx", "vector insert -c a --id 1 --vector @/does/not/exist.json",
		"bench search -c a --queries q.idx --truth /does/not/exist", "demo --data /does/not/exist",
	} {
		out, errOut, code := cli(t, strings.Fields(line)...)
		if code != exitError || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want code 1 and one line", line, code, out, errOut)
		}
	}
}

func TestVersion(t *testing.T) {
	out, _, code := cli(t, "version", "--format", "json")
	var v versionInfo
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitOK || v.Go == "" || v.Version == "" {
		t.Errorf("exit code %d, output %q, error %v", code, out, err)
	}
}

func TestPercentile(t *testing.T) {
	sorted := merged([][]time.Duration{{5, 1, 3}, {2, 4}})
	for percent, want := range map[float64]time.Duration{0: 1, 50: 3, 80: 4, 81: 5, 99: 5, 100: 5} {
		if got := percentile(sorted, percent); got != want {
			t.Errorf("percentile %v of %v is %v, want %v", percent, sorted, got, want)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("the percentile of nothing is not 0")
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 60000: "60,000", -1234567: "-1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
