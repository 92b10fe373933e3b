package console

import (
	"fmt"
	"html/template"
	"time"
)

// beijing is the one time zone of the country, without summer time.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

var pageNames = []string{"login", "error", "terminals", "terminal", "restart", "applications", "application", "attention"}

func parsePages() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(template.FuncMap{
		"ratingTone":   func(level any) Tone { return ratingTone(toInt(level)) },
		"severityTone": severityTone,
		"resultTone":   resultTone,
		"clock":        func(t time.Time) string { return t.In(beijing).Format("15:04:05") },
		"exact":        func(t time.Time) string { return t.In(beijing).Format("15:04:05.000") },
		"stamp":        stamp,
		"minute":       func(t time.Time) string { return t.In(beijing).Format("01-02 15:04") },
		"machine":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"day":          func(t time.Time) string { return t.In(beijing).Format("2006-01-02") },
		"bytes":        byteCount,
		"percent":      func(part, whole int64) int64 { return part * 100 / max(whole, 1) },
		"millis":       func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond },
		"short":        func(s string) string { return s[:min(8, len(s))] },
		"date":         dateText,
	}).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, name := range pageNames {
		one, err := shared.Clone()
		if err == nil {
			one, err = one.ParseFS(files, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		pages[name] = one
	}
	return pages, nil
}

func toInt(level any) (n int) {
	_, _ = fmt.Sscan(fmt.Sprintf("%d", level), &n)
	return n
}

// stamp is a day and time in Beijing.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.In(beijing).Format("01-02 15:04:05")
}

// dateText turns YYYYMMDD into YYYY-MM-DD and leaves everything else.
func dateText(s string) string {
	if len(s) != 8 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

func byteCount(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KB", n>>10)
}

// Lasting is a length of time, for templates.
func (v *view) Lasting(d time.Duration) string { return v.console.messages.duration(v.lang, d) }

// T is a sentence, for templates.
func (v *view) T(key string, values ...any) string { return v.t(key, values...) }

// Or is the sentence of prefix+code, or the code itself.
func (v *view) Or(prefix string, code any) string {
	return v.console.messages.textOr(v.lang, prefix, fmt.Sprint(code), "")
}

// Lang is the language of the page as HTML names it.
func (v *view) Lang() string {
	if v.lang == English {
		return "en"
	}
	return "zh-CN"
}

// OtherLang is where the language switch leads.
func (v *view) OtherLang() string { return string(v.lang.other()) }

// Now is when the page was made.
func (v *view) Now() time.Time { return v.now }

// User is who is logged in; empty on the log-in page.
func (v *view) User() string { return v.session.User }

// CSRF is what every form must bring along.
func (v *view) CSRF() string { return v.session.CSRF }
