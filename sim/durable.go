package sim

import (
	"bytes"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// A write is acknowledged once its entry is committed, and an entry is committed once a
// majority of the voters has it on disk: then no loss of a minority takes it away (Ongaro,
// "Consensus: Bridging Theory and Practice", 2014, section 3.5). Here the disks themselves
// are counted, at the moment when some replica is first seen to know of the commit.

// groupConf is a membership that replicas of a group went by.
type groupConf struct {
	raw              []byte // as it is stored
	voters, outgoing []uint64
	// until is the last index that some log had when another membership was first seen:
	// so far a leader that had not applied the change may have committed by this one.
	until uint64
}

// memberBytes is the stored membership in an applied record.
func memberBytes(record []byte) []byte {
	r := wire.NewReader(record)
	r.Uint() // index
	r.Uint() // term
	r.Fixed64()
	return r.Rest()
}

// confOf finds the membership that a replica goes by, and notes it when it is new; nil
// when it has none.
func (c *checks) confOf(g *writtenGroup) *groupConf {
	if g.appliedRecord == nil {
		return nil
	}
	f, raw := c.facts(g.shard), memberBytes(g.appliedRecord)
	for i := len(f.confs) - 1; i >= 0; i-- {
		if bytes.Equal(f.confs[i].raw, raw) {
			return f.confs[i]
		}
	}
	if n := len(f.confs); n > 0 {
		for _, h := range c.w.hosts {
			if o := h.written[g.shard]; o != nil {
				f.confs[n-1].until = max(f.confs[n-1].until, o.last())
			}
		}
	}
	_, conf := parseApplied(g.appliedRecord)
	now := &groupConf{raw: raw, voters: conf.GetVoters(), outgoing: conf.GetVotersOutgoing()}
	f.confs = append(f.confs, now)
	return now
}

// survives checks that a committed entry outlives every loss that the cluster promises to
// survive: by a membership that its leader may have gone by, a majority has it on disk.
// before is what the host that knows of the commit went by before its last batch.
func (c *checks) survives(h *host, g *writtenGroup, index uint64, before *groupConf) {
	confs := c.facts(g.shard).confs
	if len(confs) == 0 || g.changesBefore(index) {
		return
	}
	newest := confs[len(confs)-1]
	if c.holds(g, index, newest) || before != nil && c.holds(g, index, before) {
		return
	}
	for _, conf := range confs[:len(confs)-1] {
		if conf.until >= index && c.holds(g, index, conf) {
			return
		}
	}
	for _, o := range c.w.hosts {
		if og := o.written[g.shard]; o.up() && og != nil && og.appliedRecord != nil && c.holds(g, index, c.confOf(og)) {
			return
		}
	}
	c.w.fail(OracleDurability, "%s knows entry %d of %v to be committed, which a minority can lose: of its voters %v, and before them %v, these do not have it on disk: %v",
		h.name, index, g.shard, replicas(newest.voters), replicas(newest.outgoing), replicas(slices.DeleteFunc(slices.Concat(newest.voters, newest.outgoing), func(id uint64) bool { return !c.lacksEntry(g, index, id) })))
}

// changesBefore says whether there is a change of membership before an index that the
// replica has not stored as applied: it may go by it already, and nobody saw by which.
func (g *writtenGroup) changesBefore(index uint64) bool {
	for i := max(g.applied, g.cut) + 1; i < index; i++ {
		if isConfChange(g.at(i).kind) {
			return true
		}
	}
	return false
}

func replicas(ids []uint64) (list []flow.ReplicaID) {
	for _, id := range ids {
		list = append(list, flow.ReplicaID(id))
	}
	return list
}

// holds says whether majorities of a membership may have an entry on disk.
func (c *checks) holds(g *writtenGroup, index uint64, conf *groupConf) bool {
	majority := func(ids []uint64) bool {
		lacking := 0
		for _, id := range ids {
			if c.lacksEntry(g, index, id) {
				lacking++
			}
		}
		return len(ids) == 0 || 2*lacking < len(ids)
	}
	return majority(conf.voters) && majority(conf.outgoing)
}

// lacksEntry says whether a voter surely does not have g's entry on disk. What is down, or
// was damaged or replaced since, may have had it.
func (c *checks) lacksEntry(g *writtenGroup, index, id uint64) bool {
	replica := flow.ReplicaID(id)
	h := c.w.byID[replica.Node()]
	if h == nil || !h.up() || h.id != replica.Node() {
		return false
	}
	o := h.written[g.shard]
	if _, damaged := h.damaged[copyOf{g.shard, replica}]; damaged || o == nil || o.replica != replica || index <= o.cut {
		return false
	}
	has, is := o.at(index), g.at(index)
	return has == nil || has.term != is.term || has.sum != is.sum || has.batch > h.disk.durable
}
