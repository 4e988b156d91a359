package sim

import (
	"math/rand/v2"
	"time"
)

// Purposes separate the hashes drawn from one seed, so that a choice made for one
// never moves another.
const (
	purposeScenario uint64 = iota + 1
	purposeFaults
	purposeOperation
	purposeLatency
	purposeDrop
	purposeDuplicate
	purposeReorder
	purposeCorrupt
	purposeWorker
	purposeClient
	purposeCrash
	purposeNode
	purposeDisk
	purposeSpike
	purposeTail
	purposeStale
	purposeLoop
	purposeMisuse
	purposeEnding
	purposeMarks
	purposeFilter
	purposeRot
	purposeProbe
	purposeVersions
	purposeStore
	purposeReuse
)

// mix is the finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection of 64
// bits in which every input bit moves every output bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash folds words into one; the order of the words matters.
func hash(words ...uint64) uint64 {
	var h uint64
	for _, w := range words {
		h = mix(h ^ w)
	}
	return h
}

// stream returns a random source that depends on nothing but the words.
func stream(words ...uint64) *rand.Rand {
	h := hash(words...)
	return rand.New(rand.NewPCG(h, mix(h)))
}

// chance says whether a hash falls under a probability.
func chance(h uint64, p float64) bool { return float64(h>>11)/(1<<53) < p }

// within maps a hash evenly onto [0, d).
func within(h uint64, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(h % uint64(d))
}

// between draws a duration from [lo, hi), in whole microseconds so that schedules read well.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	lo, hi = lo/time.Microsecond, hi/time.Microsecond
	return (lo + time.Duration(r.Int64N(int64(max(hi-lo, 1))))) * time.Microsecond
}
