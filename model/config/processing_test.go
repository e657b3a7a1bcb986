package config_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model/config"
)

// A step that would change what a model computes says why.
func TestRefusals(t *testing.T) {
	plain := config.Config{Norm: config.NormLayer, Position: config.PosLearned, Heads: 4, KVHeads: 4}
	for _, can := range []func(config.Config) error{config.Config.CanFoldNorm, config.Config.CanCenterWriting,
		config.Config.CanCenterUnembed, config.Config.CanRefactorQK, config.Config.CanRefactorOV} {
		if err := can(plain); err != nil {
			t.Errorf("a model like GPT-2: %v", err)
		}
	}
	for _, test := range []struct {
		change func(*config.Config)
		can    func(config.Config) error
		want   string
	}{
		{func(c *config.Config) { c.NormAt = config.NormAfter }, config.Config.CanFoldNorm, "behind the sublayers"},
		{func(c *config.Config) { c.NormAt = config.NormOnSum }, config.Config.CanFoldNorm, "is the residual stream"},
		{func(c *config.Config) { c.Norm = config.NormNone }, config.Config.CanFoldNorm, "the model has none"},
		{func(c *config.Config) { c.Norm = config.NormRMS }, config.Config.CanCenterWriting, "this model's norm is rmsnorm"},
		{func(c *config.Config) { c.NormAt = config.NormOnSum }, config.Config.CanCenterWriting, "not through a LayerNorm"},
		{func(c *config.Config) { c.LogitCap = 30 }, config.Config.CanCenterUnembed, "soft capped"},
		{func(c *config.Config) { c.Position = config.PosRotary }, config.Config.CanRefactorQK, "rotary positions turn queries and keys"},
		{func(c *config.Config) { c.QKNorm = config.QKNormHead }, config.Config.CanRefactorQK, "normalized before their product"},
		{func(c *config.Config) { c.KVHeads = 2 }, config.Config.CanRefactorQK, "4 query heads share 2 key heads"},
		{func(c *config.Config) { c.KVHeads = 2 }, config.Config.CanRefactorOV, "4 query heads share 2 value heads"},
	} {
		c := plain
		test.change(&c)
		if err := test.can(c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	rotary := plain
	rotary.Position, rotary.QKNorm = config.PosRotary, config.QKNormHead
	if err := rotary.CanRefactorOV(); err != nil {
		t.Errorf("values are not rotated, yet: %v", err)
	}
}
