//go:build !linux

package backend

func holdMemory() {}
