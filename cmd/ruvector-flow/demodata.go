package main

import _ "embed"

// The data that the demo loads: the first 5,000 training images of Fashion-MNIST,
// the first 200 test images as queries, and the exact 100 nearest of each.
// demodata/README.md has their source and licence, demodata_test.go their making.
const (
	demoBaseFile    = "fashion-5000-idx3-ubyte.gz"
	demoQueriesFile = "fashion-queries-200-idx3-ubyte.gz"
	demoTruthFile   = "fashion-5000-l2.gt100.i32.gz"
)

//go:embed demodata/fashion-5000-idx3-ubyte.gz
var demoBase string

//go:embed demodata/fashion-queries-200-idx3-ubyte.gz
var demoQueries string

//go:embed demodata/fashion-5000-l2.gt100.i32.gz
var demoTruth string
