package distance

import "fmt"

// batchQueries is how many queries a batch kernel holds against each row. A row is
// loaded once for all of them.
const batchQueries = 4

// SquaredL2Batch sets out[j][i] to the squared Euclidean distance between q[j] and
// row i, the same bits as SquaredL2, for every i below len(out[j]). The four queries
// have one length, and so have the four results. Rows are read once for all queries,
// so that many queries should pass over a block of rows that stays in the cache.
func SquaredL2Batch(out, q *[batchQueries][]float32, rows []float32, stride int) {
	checkBatch(out, q, rows, stride)
	squaredL2Batch(*active, out, q, rows, stride)
}

// DotBatch sets out[j][i] to the dot product of q[j] and row i; see SquaredL2Batch.
func DotBatch(out, q *[batchQueries][]float32, rows []float32, stride int) {
	checkBatch(out, q, rows, stride)
	dotBatch(*active, out, q, rows, stride)
}

func checkBatch(out, q *[batchQueries][]float32, rows []float32, stride int) {
	for j := range batchQueries {
		if len(q[j]) != len(q[0]) || len(out[j]) != len(out[0]) {
			panic(fmt.Sprintf("distance: query %d of a batch has %d components and %d results, the first %d and %d",
				j, len(q[j]), len(out[j]), len(q[0]), len(out[0])))
		}
	}
	check(len(out[0]), len(q[0]), len(rows), stride)
}
