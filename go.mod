module github.com/ruvector-flow/ruvector-flow

go 1.26
