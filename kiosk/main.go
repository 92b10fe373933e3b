// Command kiosk is the hall terminal: the visit on the screen, its devices and its
// outbox. Its other verbs are tools for people in the field.
package main

import (
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"yeban/assets"
	"yeban/devices/simulator"
	"yeban/devices/simulator/bench"
	"yeban/kiosk/screen"
	"yeban/kiosk/touch"
)

// Fyne wants the main goroutine; so windows are opened here and nowhere else.

func openKiosk(cfg screen.Config, wc screen.WindowConfig) *screen.Window {
	return screen.Open(app.NewWithID("cn.yeban.kiosk"), touch.NewTheme(assets.Regular, assets.SemiBold), cfg, wc)
}

func openBench(sim *simulator.Bench, lang string) (run, stop func(), err error) {
	a := app.NewWithID("cn.yeban.bench")
	a.Settings().SetTheme(touch.NewBenchTheme(assets.Regular, assets.SemiBold))
	texts, err := bench.TextsIn(lang)
	if err != nil {
		return nil, nil, err
	}
	w := bench.New(a, sim, texts)
	w.SetMaster()
	return w.ShowAndRun, func() { fyne.Do(a.Quit) }, nil
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
