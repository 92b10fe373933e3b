package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"yeban/build/stage"
)

// browse opens a headless Chromium that talks to loopback only.
func browse(t *testing.T, parent context.Context) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 1000))
	alloc, cancel := chromedp.NewExecAllocator(parent, options...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	return ctx
}

// TestConsoleShowsTheVisit is what staff see of a citizen who was really there: the
// terminal with its devices, and the application with its trace from the first tap to
// the commit, with nobody's name in clear.
func TestConsoleShowsTheVisit(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	h.must(h.Printed(h.ctx, 1))
	h.must(h.citizen.Finish(h.ctx, h.Control, visit))
	app := h.arrive(1)[0]
	h.rating(app.id)
	h.awaitEntries(3)

	ctx := browse(t, h.ctx)
	h.must(chromedp.Do(ctx,
		chromedp.Navigate(h.Console),
		chromedp.WaitVisible(chromedp.CSS(`input[name=name]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name=name]`), stage.User),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), h.Password()),
		chromedp.Click(chromedp.CSS(`button.primary`)),
		chromedp.WaitVisible(chromedp.CSS(`.grid`))))
	terminals, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(`main`)))
	h.must(err)
	h.must(chromedp.Do(ctx, chromedp.Navigate(h.Console+"/applications/"+app.id), chromedp.WaitVisible(chromedp.CSS(`main`))))
	page, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(`main`)))
	h.must(err)
	for _, want := range []string{"庐阳大厅 1 号终端", "在线", "身份证阅读器", "凭条打印机", "评价器", "全部已送达"} {
		if !strings.Contains(terminals, want) {
			t.Errorf("the terminals' page lacks %q:\n%s", want, terminals)
		}
	}
	at := 0
	for _, step := range []string{"选择事项", "同意读取身份证信息", "读取身份证", "填写一页", "确认提交", "显示回执号", "打印回执", "作出评价"} {
		i := strings.Index(page[at:], step)
		if i < 0 {
			t.Fatalf("the trace lacks %q after what came before it:\n%s", step, page)
		}
		at += i
	}
	for _, want := range []string{app.number, "平台落盘并确认", "非常满意"} {
		if !strings.Contains(page, want) {
			t.Errorf("the application's page lacks %q", want)
		}
	}
	for _, secret := range []string{"程试一", "蜀山区虚构路", stage.Phone} {
		if strings.Contains(page, secret) {
			t.Errorf("the application's page shows %q", secret)
		}
	}
}
