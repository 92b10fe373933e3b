package catalog

// Item is one service item (事项), the names in YAML being those of the national
// item database (GB/T 39046-2020 table 4) where it has one.
type Item struct {
	ID         string       `yaml:"id"`               // short and stable: social-card-reissue
	HandleItem string       `yaml:"task_handle_item"` // 业务办理项编码, 33 characters
	Version    int          `yaml:"task_version"`
	Name       Text         `yaml:"task_name"`
	Summary    Text         `yaml:"summary"` // one line under the tile's name
	Icon       string       `yaml:"icon"`    // name of a file in assets/icons
	Topic      string       `yaml:"topic"`
	Type       string       `yaml:"task_type"`    // GB/T 39046 A.1, two digits
	UseLevel   string       `yaml:"use_level"`    // A.2
	Dept       string       `yaml:"dept_code"`    // of a Department
	ServerType []string     `yaml:"server_type"`  // 服务对象, A.4
	Project    ProjectType  `yaml:"project_type"` // A.6
	Examine    string       `yaml:"examine_type"` // 审查类型: 即审即办 or 前审后批 (provincial lists)
	Promise    Days         `yaml:"promise"`      // 承诺时限; 0 is at once (即办)
	Anticipate Days         `yaml:"anticipate"`   // 法定时限; 0 is none set by law
	ByLaw      string       `yaml:"by_law"`       // 设定依据
	Fee        Fee          `yaml:"fee"`
	Materials  []Material   `yaml:"materials"`
	Result     Result       `yaml:"result"`
	Visits     Visits       `yaml:"visits"`
	Contact    Contact      `yaml:"contact"`
	Flow       []Stage      `yaml:"handle_flow"` // 环节, in order
	FAQ        []FAQ        `yaml:"faq"`
	Requires   []Capability `yaml:"requires"`
	Reads      []CardField  `yaml:"reads"`    // what is taken from the card
	Purpose    Text         `yaml:"purpose"`  // why, in a sentence for the consent page
	Eligible   []Rule       `yaml:"eligible"` // judged as soon as the card is read: card.* and today only
	Form       Form         `yaml:"form"`
	Next       []Text       `yaml:"next"` // what happens next and when, for the last page and the receipt

	compiled *compiled // by Load
}

// ProjectType is 办件类型, GB/T 39046 A.6.
type ProjectType string

const (
	Instant  ProjectType = "1" // 即办件
	Promised ProjectType = "2" // 承诺件
	OtherWay ProjectType = "9"
)

// Days is a time limit.
type Days struct {
	N    int     `yaml:"n"`
	Unit DayUnit `yaml:"unit"` // needed where N is not 0
}

// DayUnit is how a time limit is counted.
type DayUnit string

const (
	Workday     DayUnit = "workday"
	CalendarDay DayUnit = "day"
)

// calendar is the limit in calendar days, at least: five working days fill a week.
func (d Days) calendar() float64 {
	if d.Unit == Workday {
		return float64(d.N) * 7 / 5
	}
	return float64(d.N)
}

// Fee is what an item costs; zero fen is free.
type Fee struct {
	Fen       int    `yaml:"fen"`
	Basis     string `yaml:"basis"`         // the document that sets it
	PayOnline bool   `yaml:"is_pay_online"` // 支持网上支付
}

// Material is a document that an item asks for.
type Material struct {
	Name     Text   `yaml:"material_name"`
	Need     string `yaml:"is_need"`     // 1 必要 2 非必要 3 容缺后补
	Source   string `yaml:"source_type"` // 10 申请人自备 20 政府部门核发 99 其他
	ELicence bool   `yaml:"e_licence"`   // obtainable as 电子证照
}

// Result is what the citizen has in hand in the end.
type Result struct {
	Name   string `yaml:"result_name"`
	Way    string `yaml:"result_way"`    // 办结方式: 出证办结, 出文办结, 审批办结 (provincial lists)
	Sample string `yaml:"result_sample"` // name of a sample document
}

// Visits is where and how often a citizen must go (到办事现场次数).
type Visits struct {
	Number  int    `yaml:"limit_scene_num"`
	Explain string `yaml:"limit_scene_explain"` // why, where Number is not 0
	Online  bool   `yaml:"is_online"`
	Express bool   `yaml:"is_express"` // the result can be posted
	// Depth is 网办深度: national codes 1–8 joined by ^, or the provincial I, II, III, IV
	// (IV being 全程网办).
	Depth string `yaml:"online_handle_depth"`
}

// Contact is where people and the law can be reached.
type Contact struct {
	Phone     string `yaml:"link_way"`      // 咨询电话, with area code
	Complaint string `yaml:"supervise_way"` // 投诉电话, with area code
	Address   string `yaml:"transact_addr"` // down to the window or the room
	Hours     string `yaml:"transact_time"`
}

// Stage is one step of the handling (环节).
type Stage struct {
	Name     string `yaml:"name"`
	Limit    Days   `yaml:"limit"`
	UseLevel string `yaml:"use_level"` // who does it, A.2; only of an item handled level by level
	TaskCode string `yaml:"task_code"` // 实施编码 at that level, 31 characters
}

// FAQ is a question that citizens ask.
type FAQ struct {
	Question string `yaml:"question"`
	Answer   string `yaml:"answer"`
}

// Rule is a CEL condition that must hold, and what to tell the citizen if it does not.
type Rule struct {
	If        string `yaml:"if"` // true means fine; see condition.go for what it may name
	Otherwise Text   `yaml:"otherwise"`
}
