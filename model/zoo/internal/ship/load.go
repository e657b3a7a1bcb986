package ship

import (
	"io/fs"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/weights"
)

// Load reads the config and the weights of a shipped model.
func Load(dir fs.FS) (config.Config, arch.Params, error) {
	raw, err := fs.ReadFile(dir, "config.json")
	if err != nil {
		return config.Config{}, nil, err
	}
	c, family, err := arch.Parse(raw)
	if err != nil {
		return config.Config{}, nil, err
	}
	if raw, err = fs.ReadFile(dir, "model.safetensors"); err != nil {
		return config.Config{}, nil, err
	}
	store, err := weights.Parse("model.safetensors", raw)
	if err != nil {
		return config.Config{}, nil, err
	}
	defer store.Close()
	plan, err := family.Load(&c, store)
	if err == nil {
		err = plan.Check(c)
	}
	if err != nil {
		return config.Config{}, nil, err
	}
	params, err := plan.Read()
	return c, params, err
}
