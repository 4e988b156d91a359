package graph

// space measures distances the way a walk does: over the rows themselves.
type space struct{ rows *Rows }

// target is what a space compares rows with: a query, or a row.
type target struct{ floats []float32 }

// aim sets a target to a query.
func (s *space) aim(t *target, v []float32) { t.floats = v }

// aimRow sets a target to a row.
func (s *space) aimRow(t *target, row uint32) {
	t.floats = s.rows.floats[int(row)*s.rows.stride:][:s.rows.cfg.Dim]
}

// at sets out[i] to the distance between the target and row at[i].
func (s *space) at(out []float32, t *target, at []uint32) { s.rows.DistancesAt(out, t.floats, at) }

// run sets out[i] to the distance between the target and row first+i.
func (s *space) run(out []float32, t *target, first int) { s.rows.Distances(out, t.floats, first) }
