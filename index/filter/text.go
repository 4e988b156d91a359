package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokens returns the words of a text: runs of letters and digits, in lower case.
func tokens(text string) []string {
	var list []string
	for word := range words(text) {
		list = append(list, word)
	}
	return list
}

// words yields the words of a text in their order.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := -1
		for i, r := range text {
			if letter := unicode.IsLetter(r) || unicode.IsNumber(r); letter && start < 0 {
				start = i
			} else if !letter && start >= 0 {
				if !yield(lower(text[start:i])) {
					return
				}
				start = -1
			}
		}
		if start >= 0 {
			yield(lower(text[start:]))
		}
	}
}

// lower returns a word in lower case, without a copy if it is that already.
func lower(word string) string {
	for i := range len(word) {
		if c := word[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return strings.ToLower(word)
		}
	}
	return word
}

// hasAll says whether every token is a word of the text. No tokens are in no text.
func hasAll(text string, list []string) bool {
	for _, want := range list {
		if !hasAny(text, []string{want}) {
			return false
		}
	}
	return len(list) > 0
}

// hasAny says whether one of the tokens is a word of the text.
func hasAny(text string, list []string) bool {
	for word := range words(text) {
		if contains(list, word) {
			return true
		}
	}
	return false
}

// hasPhrase says whether the tokens are words of the text in a row.
func hasPhrase(text string, list []string) bool {
	if len(list) == 0 {
		return false
	}
	have := tokens(text)
	for i := 0; i+len(list) <= len(have); i++ {
		at := 0
		for at < len(list) && have[i+at] == list[at] {
			at++
		}
		if at == len(list) {
			return true
		}
	}
	return false
}
