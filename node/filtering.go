package node

import (
	"encoding/binary"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// payloadBytes is an estimate of a stored payload, for the cost of jobs.
const payloadBytes = 256

// checkFilter says what is wrong with a filter, before anybody is asked.
func checkFilter(f flow.Filter) *flow.Error {
	if _, err := filter.Parse(f); err != nil {
		return flow.Errorf(flow.InvalidArgument, "node.checkFilter", "%w", cause(err))
	}
	return nil
}

// sieve finds, in a job, the points of one shard that pass a filter: all it holds is
// of one moment.
type sieve struct {
	collection flow.CollectionID
	view       *index.View
	payloads   *filter.View
	prefix     []byte // of the replica's state
	store      disk.Reader
}

// sieves returns a sieve for each shard, nil for one that has none of the collection;
// none at all without a filter. The store is as the shards are now.
func (n *Node) sieves(q *net.Read, shards []flow.ShardID, store disk.Reader) []*sieve {
	if len(q.Filter) == 0 {
		return nil
	}
	list := make([]*sieve, len(shards))
	for i, s := range shards {
		if v := n.shard(s).View(q.Collection); v != nil {
			list[i] = &sieve{
				collection: q.Collection, view: v, payloads: n.shard(s).Payloads(q.Collection),
				prefix: n.replicas[s].StatePrefix(), store: store,
			}
		}
	}
	return list
}

// runCount counts the points that pass the filter.
func (n *Node) runCount(sv *serving, res *net.ReadResult, shards []flow.ShardID) {
	view := n.cfg.Disk.Snapshot()
	sieves, points := n.sieves(sv.query, shards, view), uint64(0)
	for _, s := range shards {
		points += n.shard(s).Count(sv.query.Collection)
	}
	n.job(sv, res, int(points)*payloadBytes, view, func() error {
		e, err := filter.Parse(sv.query.Filter)
		if err != nil {
			return err
		}
		for _, s := range sieves {
			if s == nil {
				continue
			}
			rows, err := s.rows(e)
			if err != nil {
				return err
			}
			res.Count += rows.GetCardinality()
		}
		return nil
	})
}

// allow lets only points that pass the filter be found in the targets, of which each
// has a sieve; without sieves all are.
func allow(targets []index.Target, sieves []*sieve, f flow.Filter) error {
	if len(sieves) == 0 {
		return nil
	}
	e, err := filter.Parse(f)
	if err != nil {
		return err
	}
	for i, s := range sieves {
		if targets[i].Allow, err = s.rows(e); err != nil {
			return err
		}
	}
	return nil
}

// rows returns the ordinals of the points that pass.
func (s *sieve) rows(e *filter.Expr) (*roaring.Bitmap, error) {
	var failed error
	rows, _, err := s.payloads.Evaluate(e, filter.Rows{
		Find:     func(id flow.PointID) (uint32, bool) { return s.find(id, &failed) },
		Payloads: s.each,
	})
	if err == nil {
		err = failed
	}
	return rows, err
}

// find returns the ordinal of a point.
func (s *sieve) find(id flow.PointID, failed *error) (uint32, bool) {
	key, _ := shard.IDRange(s.collection, id)
	value, ok, err := s.store.Get(join(s.prefix, key))
	if err == nil && ok {
		var slot uint64
		if slot, err = shard.DecodeSlot(value); err == nil {
			return s.view.OrdinalOf(slot)
		}
	}
	if err != nil {
		*failed = err
	}
	return 0, false
}

// scanShare is up to how many rows per wanted one are read in a row, instead of the
// wanted ones one by one.
const scanShare = 8

// each reads the payloads of rows, in their order, which is that of the store.
func (s *sieve) each(list []uint32, each func(row uint32, payload []byte)) error {
	if uint64(list[len(list)-1]-list[0]) < scanShare*uint64(len(list)) {
		return s.sweep(list, each)
	}
	for _, row := range list {
		payload, err := s.payload(row)
		if err != nil {
			return err
		}
		each(row, payload)
	}
	return nil
}

// slot returns the slot of a row that the payloads' view says is live.
func (s *sieve) slot(row uint32) (uint64, error) {
	slot, ok := s.view.SlotOf(row)
	if !ok {
		return 0, flow.Errorf(flow.Internal, "node.slot", "row %d of collection %d has a payload and no vector", row, s.collection)
	}
	return slot, nil
}

func (s *sieve) payload(row uint32) ([]byte, error) {
	slot, err := s.slot(row)
	if err != nil {
		return nil, err
	}
	payload, _, err := s.store.Get(join(s.prefix, shard.PayloadKey(s.collection, slot)))
	return payload, err
}

// sweep reads all payloads from the first row to the last; rows without one have none
// in the store.
func (s *sieve) sweep(list []uint32, each func(row uint32, payload []byte)) error {
	slots := make([]uint64, len(list))
	for i, row := range list {
		slot, err := s.slot(row)
		if err != nil {
			return err
		}
		slots[i] = slot
	}
	lo := join(s.prefix, shard.PayloadKey(s.collection, slots[0]))
	hi := disk.After(join(s.prefix, shard.PayloadKey(s.collection, slots[len(slots)-1])))
	i := 0
	err := s.store.Scan(lo, hi, func(key, value []byte) bool {
		at := binary.BigEndian.Uint64(key[len(key)-8:])
		for ; i < len(slots) && slots[i] < at; i++ {
			each(list[i], nil)
		}
		if i < len(slots) && slots[i] == at {
			each(list[i], value)
			i++
		}
		return i < len(slots)
	})
	if err != nil {
		return err
	}
	for ; i < len(list); i++ {
		each(list[i], nil)
	}
	return nil
}

// passing says which points of one shard pass, one at a time: for who stops early. A nil
// one lets all pass.
type passing struct {
	s      *sieve
	bounds *filter.Bounds
	match  func(row uint32, payload []byte) bool
}

// passing returns what says which points of the shard pass.
func (s *sieve) passing(f flow.Filter) (*passing, error) {
	e, err := filter.Parse(f)
	if err != nil {
		return nil, err
	}
	var failed error
	bounds := s.payloads.Bounds(e, func(id flow.PointID) (uint32, bool) { return s.find(id, &failed) })
	return &passing{s: s, bounds: bounds, match: bounds.Matcher()}, failed
}

// slot says whether the point at a slot passes.
func (p *passing) slot(slot uint64) (bool, error) {
	if p == nil {
		return true, nil
	}
	row, ok := p.s.view.OrdinalOf(slot)
	if !ok {
		return false, flow.Errorf(flow.Internal, "node.passing", "slot %d of collection %d has an id and no vector", slot, p.s.collection)
	}
	return p.row(row)
}

// row says whether the point of a row passes.
func (p *passing) row(row uint32) (bool, error) {
	switch {
	case p.bounds.Sure.Contains(row):
		return true, nil
	case !p.bounds.Maybe.Contains(row):
		return false, nil
	}
	payload, err := p.s.payload(row)
	return err == nil && p.match(row, payload), err
}

// few says that it is less work to sort the points that may pass than to go through all
// in id order until limit of them have passed.
func (p *passing) few(limit int) bool {
	if p == nil {
		return false
	}
	const sortingCosts = 4 // times a step in id order
	may := p.bounds.Sure.GetCardinality() + p.bounds.Maybe.GetCardinality()
	return sortingCosts*may*may < uint64(limit)*uint64(p.s.view.Len())
}

// first returns the first points, in id order, that pass.
func (p *passing) first(q *net.Read) ([]located, error) {
	var points, pass []located
	for it := roaring.Or(p.bounds.Sure, p.bounds.Maybe).Iterator(); it.HasNext(); {
		row := it.Next()
		id, _ := p.s.view.IDOf(row)
		slot, err := p.s.slot(row)
		if err != nil {
			return nil, err
		}
		if id >= q.From {
			points = append(points, located{prefix: p.s.prefix, slot: slot, id: flow.PointID(strings.Clone(string(id)))})
		}
	}
	sortByID(points)
	for _, at := range points {
		ok, err := p.slot(at.slot)
		if err != nil {
			return nil, err
		}
		if ok {
			pass = append(pass, at)
		}
		if len(pass) == q.Limit {
			break
		}
	}
	return pass, nil
}
