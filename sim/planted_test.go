package sim

import (
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxPlantedSeeds is how many seeds a planted bug may take to be found.
const maxPlantedSeeds = 12

// warped is a node with something wrong between it and the world.
type warped struct {
	Machine
	h       *host
	serve   func(m Machine, req flow.Request, reply func(flow.Response))
	receive func(m Machine, frame []byte)
	digest  func(r *flow.ReplicaStatus)
}

func (m *warped) Serve(req flow.Request, reply func(flow.Response)) {
	if m.serve != nil {
		m.serve(m.Machine, req, reply)
		return
	}
	m.Machine.Serve(req, reply)
}

func (m *warped) Receive(frame []byte) {
	if m.receive != nil {
		m.receive(m.Machine, frame)
		return
	}
	m.Machine.Receive(frame)
}

func (m *warped) Replicas() []flow.ReplicaStatus {
	out := slices.Clone(m.Machine.(reporter).Replicas())
	if m.digest != nil {
		for i := range out {
			m.digest(&out[i])
		}
	}
	return out
}

func (m *warped) Replica(shard flow.ShardID) (flow.ReplicaStatus, bool) {
	r, ok := m.Machine.(reporter).Replica(shard)
	if ok && m.digest != nil {
		m.digest(&r)
	}
	return r, ok
}

// warp makes every process that starts a warped one.
func warp(w *World, bend func(m *warped)) {
	boot := w.boot
	w.boot = func(h *host) (Machine, error) {
		m, err := boot(h)
		if err != nil {
			return nil, err
		}
		x := &warped{Machine: m, h: h}
		bend(x)
		return x, nil
	}
}

// rare says yes to one event in n, by hash, so that a planted bug is not hit at once.
func rare(h *host, n uint64) bool {
	return hash(h.w.scenario.Seed, uint64(h.w.now), uint64(h.index))%n == 0
}

// plantedBug is something wrong with the world around the node, and the oracles that
// are meant to find it. Those that see it too, and sooner, are blind.
type plantedBug struct {
	name    string
	oracles []Oracle
	plant   func(w *World)
	blind   []Oracle
}

// planted are bugs between the node and its clients and peers.
var planted = []plantedBug{
	{"a write acknowledged and thrown away", []Oracle{OracleHistory, OracleDurability}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				r, ok := req.(*flow.WriteRequest)
				if !ok || len(r.Ops) != 1 || r.Ops[0].If || r.Ops[0].Kind != flow.Upsert || !rare(m.h, 20) {
					in.Serve(req, reply)
					return
				}
				reply(&flow.WriteResponse{ID: r.ID, Results: []flow.OpResult{{Status: flow.Applied, Version: 1 << 40}}})
			}
		})
	}, []Oracle{OracleCatalogue}},
	{"a retry that is applied again", []Oracle{OracleHistory}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, reply)
				if r, ok := req.(*flow.WriteRequest); ok {
					again := *r
					again.ID[15]++
					in.Serve(&again, func(flow.Response) {})
				}
			}
		})
	}, nil},
	{"a read answered from the past", []Oracle{OracleHistory}, func(w *World) {
		old := map[flow.PointID]*flow.GetResponse{}
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				g, ok := req.(*flow.GetRequest)
				in.Serve(req, func(resp flow.Response) {
					answer, good := resp.(*flow.GetResponse)
					if !ok || !good || answer.Err != nil || len(g.IDs) != 1 || g.Collection != stableCollection {
						reply(resp)
						return
					}
					if o := old[g.IDs[0]]; o != nil && rare(m.h, 5) {
						reply(o)
						return
					}
					old[g.IDs[0]] = answer
					reply(resp)
				})
			}
		})
	}, []Oracle{OracleRead}},
	{"a search that loses its best hit", []Oracle{OracleHistory}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, func(resp flow.Response) {
					if s, ok := resp.(*flow.SearchResponse); ok && len(s.Hits) > 2 && rare(m.h, 10) {
						short := *s
						short.Hits = s.Hits[1:]
						resp = &short
					}
					reply(resp)
				})
			}
		})
	}, nil},
	{"searches by graphs that miss the nearest", []Oracle{OracleRecall}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				s, ok := req.(*flow.SearchRequest)
				if !ok || s.Exact {
					in.Serve(req, reply)
					return
				}
				more := *s
				more.K++
				in.Serve(&more, func(resp flow.Response) {
					if a, ok := resp.(*flow.SearchResponse); ok && len(a.Hits) == more.K {
						short := *a
						short.Hits = a.Hits[1:]
						resp = &short
					} else if ok && len(a.Hits) > s.K {
						a.Hits = a.Hits[:s.K]
					}
					reply(resp)
				})
			}
		})
	}, nil},
	{"a point that is lost when all is quiet", []Oracle{OracleDurability}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, func(resp flow.Response) {
					if g, ok := resp.(*flow.GetResponse); ok && !w.load.running && len(g.Points) > 1 {
						short := *g
						short.Points = g.Points[1:]
						resp = &short
					}
					reply(resp)
				})
			}
		})
	}, nil},
	{"a count that is one too many", []Oracle{OracleHistory, OracleDurability}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, func(resp flow.Response) {
					if c, ok := resp.(*flow.CountResponse); ok && c.Err == nil && rare(m.h, 10) {
						more := *c
						more.Count++
						resp = &more
					}
					reply(resp)
				})
			}
		})
	}, nil},
	{"a request that is never answered", []Oracle{OracleContract}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, func(resp flow.Response) {
					if _, ok := req.(*flow.GetRequest); !ok || !rare(m.h, 20) {
						reply(resp)
					}
				})
			}
		})
	}, nil},
	{"a request that is answered twice", []Oracle{OracleContract}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				in.Serve(req, func(resp flow.Response) {
					reply(resp)
					if _, ok := req.(*flow.GetRequest); ok && rare(m.h, 20) {
						reply(resp)
					}
				})
			}
		})
	}, nil},
	{"a node that hears nobody", []Oracle{OracleForm, OracleLiveness}, func(w *World) {
		warp(w, func(m *warped) {
			m.receive = func(in Machine, frame []byte) {
				if m.h.index != 1 || m.h.w.now < m.h.w.scenario.Run/2 {
					in.Receive(frame)
				}
			}
		})
	}, nil},
	{"a replica that differs", []Oracle{OracleDigest}, func(w *World) {
		warp(w, func(m *warped) {
			m.digest = func(r *flow.ReplicaStatus) {
				if m.h.index == 2 && r.Shard == 1 && r.Applied > 40 {
					r.Digest++
				}
			}
		})
	}, nil},
	{"two leaders of one term", []Oracle{OracleVote}, func(w *World) {
		warp(w, func(m *warped) {
			m.digest = func(r *flow.ReplicaStatus) { r.Leading = r.Leading || m.h.index == 1 && r.Applied > 40 }
		})
	}, nil},
}

// TestPlantedBugs proves that the checks find what is wrong: each planted bug must
// fail a world within a few seeds, by an oracle that is meant for it.
func TestPlantedBugs(t *testing.T) {
	for _, p := range slices.Concat(planted, plantedBelow) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(maxPlantedSeeds) {
				o := realTime()
				o.Blind = p.blind
				w := newWorld(DrawScenario(1000+seed), o)
				w.sabotage = p.plant
				r := w.run()
				if r.Failure == nil {
					continue
				}
				if !slices.Contains(p.oracles, r.Failure.Oracle) {
					t.Fatalf("seed %d: found by %s, meant for %v: %s", 1000+seed, r.Failure.Oracle, p.oracles, r.Failure.What)
				}
				t.Logf("found by seed %d, the %dth, by %s", 1000+seed, seed+1, r.Failure.Oracle)
				return
			}
			t.Errorf("not found in %d seeds", maxPlantedSeeds)
		})
	}
}
