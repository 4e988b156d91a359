package index

import flow "github.com/ruvector-flow/ruvector-flow"

const (
	// slotBytes and the others are what a row costs beside its vector, id and links.
	slotBytes = 8
	levelByte = 1
	// An id that is not a number needs to say where it ends, if its length is not that of all.
	numberID, endBytes = 9, 4
	// linkBytes is a place for a neighbour.
	linkBytes = 4
	// Rows of so many components have outlines of as many bytes, if there are no codes.
	outlineBytes = 64
	// Rows and codes are rounded up to so many bytes.
	rowAlign, codeAlign = 32, 16
)

// Estimate returns about how much memory an index takes that holds so many rows in
// graphs, with ids of so many bytes each: the vectors as float32, links, codes, ids and
// slots. Rows of which every component is a whole number from 0 to 255 take less; while
// a graph is being built, its rows take more.
func Estimate(cfg Config, rows uint64, idBytes int) (uint64, error) {
	x, err := New(cfg)
	if err != nil {
		return 0, err
	}
	cfg = x.cfg
	up := func(n, to int) int { return (n + to - 1) / to * to }
	row := up(4*cfg.Dim, rowAlign) + slotBytes + levelByte + idBytes
	if idBytes != numberID {
		row += endBytes
	}
	row += 2 * cfg.M * linkBytes
	switch cfg.Quantization {
	case flow.NoQuantization:
		if cfg.Dim >= outlineBytes {
			row += outlineBytes
		}
	case flow.Int8:
		row += up(cfg.Dim, codeAlign)
	case flow.Binary:
		row += up(cfg.Dim, 8*8) / 8
	}
	// One row in M is in the next layer, one in M² in the one above that, and so on.
	upper := float64(cfg.M*linkBytes+endBytes) / float64(cfg.M-1)
	return uint64(float64(rows) * (float64(row) + upper)), nil
}
