package console

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

var shots = flag.String("shots", "", "folder for pictures of every page")

// TestInABrowser is an attendant's evening in a real Chromium.
func TestInABrowser(t *testing.T) {
	h := openHall(t)
	b := openBrowser(t)
	b.hall = h

	b.run("refuse a wrong password",
		chromedp.Navigate(h.url("/")),
		chromedp.WaitVisible(chromedp.CSS(`input[name=name]`)),
		b.shot("login"),
		chromedp.SendKeys(chromedp.CSS(`input[name=name]`), testUser),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), "not the password"),
		chromedp.Click(chromedp.CSS(`button.primary`)),
		chromedp.WaitVisible(chromedp.CSS(`[role=alert]`)))
	b.run("log in",
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), testPassword),
		chromedp.Click(chromedp.CSS(`button.primary`)),
		chromedp.WaitVisible(chromedp.CSS(`.grid`)), chromedp.WaitVisible(chromedp.CSS(`#live.on`)))
	b.shows("政务大厅南门一号", "在线", "离线", "联络不明", "从未连接", "缺纸", "3 条，最早 1 分钟")
	b.pictures("terminals")

	// A terminal with an old status is neither healthy nor broken.
	if n := ask[int](b, `[...document.querySelectorAll('.terminal')].find(x => x.textContent.includes('测试街道')).querySelectorAll('.chip:not(.unclear)').length`); n != 0 {
		t.Errorf("a silent terminal has %d chips that claim to know", n)
	}

	// The page follows without a reload.
	ask[bool](b, `window.notReloaded = true`)
	h.say("hall-south-1", time.Now(), protocol.Status{Visit: "home", Devices: []protocol.DeviceStatus{{Name: "printer", State: "hardwareError", Reason: "printer.fault"}}})
	h.bus.Hint(bus.Status("hall-south-1"))
	b.waitFor("打印机故障不可恢复")
	if !ask[bool](b, `window.notReloaded === true`) {
		t.Error("the page was reloaded")
	}

	b.open(h.url("/terminals/hall-south-2"), ".devices")
	b.shows("打印纸用完", "更换打印纸", "检查设备电源", "日志副本无法保存", "身份证阅读器 · 重新尝试该设备", "中断，结果不明", "program ended while it ran")
	b.pictures("terminal")
	b.run("try the printer again", chromedp.Click(chromedp.CSS(`.devices form:has(input[value=printer]) button`)),
		chromedp.WaitVisible(chromedp.CSS(`#commands li:nth-child(2) button`)))
	b.shows("凭条打印机 · 重新尝试该设备", "等待终端领取", testUser)
	if id := b.given("hall-south-2"); id.Name != protocol.CommandReopen || id.Args["device"] != "printer" || id.GivenBy != testUser {
		t.Errorf("given %+v", id)
	}
	b.run("restart the program", chromedp.Click(chromedp.CSS(`#commands .acts a`)), chromedp.WaitVisible(chromedp.CSS(`.confirm button`)))
	b.shows("重启程序？", "政务大厅南门二号")
	b.pictures("restart")
	b.run("confirm", chromedp.Click(chromedp.CSS(`.confirm button`)), chromedp.WaitVisible(chromedp.CSS(`#commands li:nth-child(3) button`)))
	if c := b.given("hall-south-2"); c.Name != protocol.CommandRestart || c.State != protocol.CommandWaiting {
		t.Errorf("given %+v", c)
	}
	b.run("take it back", chromedp.Click(chromedp.CSS(`#commands li:nth-child(1) button`)), chromedp.WaitVisible(chromedp.CSS(`#commands`)))
	b.waitFor("已撤回")
	if c := b.given("hall-south-2"); c.State != protocol.CommandWithdrawn {
		t.Errorf("withdrawn %+v", c)
	}
	b.open(h.url("/terminals/hall-south-1"), "#events .log")
	b.shows("设备事件", "打印纸用完", "缺纸")
	b.pictures("events")

	b.open(h.url("/applications"), "table.cards")
	b.shows("社会保障卡补领", "张**", "不满意")
	b.hides(testName, testNumber, testAddress)
	b.pictures("applications")
	b.run("next page", chromedp.Click(chromedp.CSS(`.pager a`)), chromedp.WaitVisible(chromedp.CSS(`.pager a[href="/applications?"]`)))
	b.run("filter", chromedp.Navigate(h.url("/applications?rating=bad")), chromedp.WaitVisible(chromedp.CSS(`table.cards`)))
	if rows := ask[int](b, `document.querySelectorAll('tbody tr').length`); rows != 7 {
		t.Errorf("%d unsatisfied, want 7", rows)
	}

	b.open(h.url("/applications/%s", h.first), ".trace")
	b.shows("选择事项", "读取身份证", "写入终端日志（已落盘）", "平台收到", "平台落盘并确认", "打印回执", "3401**********001X",
		"1/2，未齐", "身份证照片", "已到 33%", "需补正", "请补交一张近照")
	b.hides(testName, testNumber, testAddress)
	b.pictures("application")
	b.run("reveal", chromedp.Click(chromedp.CSS(`#reveal`)), chromedp.WaitVisible(chromedp.CSS(`[data-revealed]`)))
	b.shows(testName, testNumber, testAddress, "补领原因", "遗失", "查看了个人信息")
	b.pictures("revealed")
	if rows, err := h.store.Audits(t.Context(), h.first, 5); err != nil || len(rows) != 1 || rows[0].User != testUser || rows[0].Action != "personal.shown" {
		t.Errorf("audit %+v, %v", rows, err)
	}

	b.open(h.url("/attention"), ".alarm")
	b.shows("终端日志比平台短", "有记录被搁置", "无法用本平台密钥打开", "日志倒退", "日志副本无法保存", "请技术人员检查磁盘剩余空间")
	b.pictures("attention")
	before := len(must2(h.store.OpenAlarms(t.Context(), 10))(t))
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(`.alarm button`))); err != nil {
		t.Fatalf("clear an alarm: %v", err)
	}
	if after := len(must2(h.store.OpenAlarms(t.Context(), 10))(t)); after != before-1 {
		t.Errorf("%d alarms, had %d", after, before)
	}

	b.open(h.url("/language?to=en"), ".grid")
	b.shows("Online", "Offline", "Contact unclear", "Never connected")
	b.pictures("english")
	b.open(h.url("/terminals/hall-south-2"), "#commands")
	b.shows("The copy of the log cannot be kept", "Try the device again", "Interrupted, effect unknown", "Withdrawn")
	b.pictures("english-terminal")
	b.run("log out", chromedp.Click(chromedp.CSS(`.me button`)), chromedp.WaitVisible(chromedp.CSS(`input[name=password]`)))
	b.open(h.url("/applications"), `input[name=password]`)
	b.calm()
}

func must2[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

type browser struct {
	t        *testing.T
	hall     *hall
	ctx      context.Context
	troubles chan string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900))
	if path, err := findChromium(); err == nil {
		options = append(options, chromedp.ExecPath(path))
	} else {
		t.Fatal(err)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, troubles: make(chan string, 100)}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			// The refused log-in is a 401, which Chromium notes as an error.
			if (m.IsException() || m.Type == "error") && !strings.Contains(m.Text, "401") {
				b.troubles <- m.String()
			}
		}
	}()
	return b
}

// findChromium looks for the browser under the names it has in distributions.
func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", os.ErrNotExist
}

func (b *browser) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) open(url, selector string) {
	b.t.Helper()
	b.run("open "+url, chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS(selector)))
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// given is the newest order to a terminal.
func (b *browser) given(kiosk string) store.Command {
	b.t.Helper()
	all := must2(b.hall.store.Commands(b.t.Context(), kiosk, 1))(b.t)
	return all[0]
}

func (b *browser) text() string {
	b.t.Helper()
	return ask[string](b, `document.body ? document.body.innerText : ""`) // none between two pages
}

func (b *browser) shows(all ...string) {
	b.t.Helper()
	text := b.text()
	for _, want := range all {
		if !strings.Contains(text, want) {
			b.t.Errorf("page does not show %q", want)
		}
	}
}

func (b *browser) hides(all ...string) {
	b.t.Helper()
	html := ask[string](b, `document.documentElement.outerHTML`)
	for _, secret := range all {
		if strings.Contains(html, secret) {
			b.t.Errorf("page holds %q", secret)
		}
	}
}

func (b *browser) waitFor(text string) {
	b.t.Helper()
	b.until("page shows "+text, func() bool { return strings.Contains(b.text(), text) })
}

func (b *browser) until(what string, f func() bool) {
	b.t.Helper()
	for limit := time.Now().Add(60 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// pictures checks that the page fits a desk and a phone, and takes its picture on both,
// light and dark, when asked to.
func (b *browser) pictures(name string) {
	b.t.Helper()
	for _, size := range []struct {
		suffix        string
		width, height int64
		scheme        string
	}{{"desk", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"}, {"phone", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"}} {
		b.run("resize", chromedp.EmulateViewport(size.width, size.height), prefer(size.scheme))
		overflow := ask[int](b, `document.documentElement.scrollWidth - window.innerWidth`)
		if overflow > 0 {
			b.t.Errorf("%s: %d px wider than a screen of %d", name, overflow, size.width)
		}
		b.run("picture", b.shot(name+"-"+size.suffix))
	}
	b.run("resize", chromedp.EmulateViewport(1280, 900), prefer("light"))
}

func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

func (b *browser) shot(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if *shots == "" {
			return nil
		}
		png, err := chromedp.FullScreenshot(100)(ctx, t)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*shots, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644)
	})
}

// calm fails for every script error, refused resource and violated policy so far.
func (b *browser) calm() {
	b.t.Helper()
	for {
		select {
		case s := <-b.troubles:
			b.t.Errorf("browser: %s", s)
		default:
			return
		}
	}
}
