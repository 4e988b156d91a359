package main

// plantedMutant is the name of the bug that this binary was built with; the build
// that plants it sets it.
var plantedMutant string

// planted says whether this binary has a bug planted in it.
func planted(name string) bool { return plantedMutant == name }
