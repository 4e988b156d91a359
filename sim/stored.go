package sim

import (
	"encoding/binary"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// replacedWhole checks, after a batch, that entries which others have replaced do not
// stay on the disk behind them: the next process would take them for the log's end.
func (c *checks) replacedWhole(h *host, g *writtenGroup) {
	if g.replaced > g.last() {
		c.w.fail(OracleLog, "%s replaced the end of the log of %v and left the entries %d to %d on its disk",
			h.name, g.shard, g.last()+1, g.replaced)
	}
	g.replaced = 0
}

// leftOver checks, at a start, that no entry lies on the disk which the log's beginning
// says was cut.
func (c *checks) leftOver(h *host) {
	for _, shard := range slices.Sorted(maps.Keys(h.written)) {
		g := h.written[shard]
		lo := binary.BigEndian.AppendUint32([]byte{keyOfGroup}, uint32(shard))
		lo = append(lo, tagLog)
		var left uint64
		h.disk.rows.root.visit(lo, disk.After(lo), func(key, _ []byte) bool {
			if len(key) == logKeySize {
				if index := binary.BigEndian.Uint64(key[tagAt+1:]); index <= g.cut {
					left = index
				}
			}
			return false
		})
		if left > 0 {
			c.w.fail(OracleLog, "%s starts with entry %d of %v on its disk, whose log was cut up to %d", h.name, left, shard, g.cut)
		}
	}
}

// commitsOwn checks that a leader which moves its commit index moves it to an entry of
// its own term: earlier ones are committed through it, never by counting them (Ongaro
// 2014, section 3.6.2).
func (c *checks) commitsOwn(h *host, was watchedReplica, seen bool, r flow.ReplicaStatus) {
	if !seen || !was.leading || was.term != r.Term || was.replica != r.Replica || r.Commit <= was.commit {
		return
	}
	if g := h.written[r.Shard]; g != nil {
		if e := g.at(r.Commit); e != nil && e.term < r.Term {
			c.w.fail(OracleCommitted, "%s leads %v in term %d and committed entry %d of term %d by counting who has it", h.name, r.Shard, r.Term, r.Commit, e.term)
		}
	}
}
