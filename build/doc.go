// Package build holds the rules that the whole tree is held against: who may import
// whom, and that a message catalogue has every sentence the code asks for.
package build
