package bench

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"yeban/devices/simulator"
)

// faulty is a device whose faults can be read and replaced, whatever their struct.
type faulty struct {
	device string
	fields []field
	get    func() reflect.Value // a copy of the faults in force, settable
	set    func(reflect.Value)
}

// faultyDevice takes a device's accessors; F is a struct of faults.
func faultyDevice[F any](device string, get func() F, set func(F)) faulty {
	return faulty{
		device: device,
		fields: fieldsOf(device, reflect.TypeFor[F]()),
		get:    func() reflect.Value { f := get(); return reflect.ValueOf(&f).Elem() },
		set:    func(v reflect.Value) { set(v.Interface().(F)) },
	}
}

// faultyDevices are the bench's devices in the order of the window's tabs.
func faultyDevices(sim *simulator.Bench) []faulty {
	return []faulty{
		faultyDevice("idcard", sim.Reader.Faults, sim.Reader.SetFaults),
		faultyDevice("printer", sim.Printer.Faults, sim.Printer.SetFaults),
		faultyDevice("evaluator", sim.Evaluator.Faults, sim.Evaluator.SetFaults),
	}
}

// change sets one fault and leaves the others.
func (d faulty) change(f field, value int64) {
	v := d.get()
	f.put(v, value)
	d.set(v)
}

// clear makes a good device of it.
func (d faulty) clear() { d.set(reflect.Zero(d.get().Type())) }

// field is one fault of a device: a switch where it is a bool, else a number to choose.
type field struct {
	key     string // of its sentence among the texts, e.g. fault.idcard.photoGap
	name    string // as scenarios call it, e.g. photoGap
	index   int    // in the struct
	of      reflect.Type
	choices []int64 // empty for a switch; never 0, which is off
}

// fieldsOf lists every field of a struct of faults, so that the window cannot lack one.
func fieldsOf(device string, faults reflect.Type) (fields []field) {
	for i := range faults.NumField() {
		t := faults.Field(i)
		f := field{name: t.Tag.Get("yaml"), index: i, of: t.Type}
		f.key = "fault." + device + "." + f.name
		if !f.isSwitch() {
			f.choices = choicesFor(device+"."+f.name, t.Type)
		}
		fields = append(fields, f)
	}
	return fields
}

var durationType = reflect.TypeFor[simulator.Duration]()

func (f field) isSwitch() bool { return f.of.Kind() == reflect.Bool }

// value reads the fault from a struct of faults: 0 is off, 1 a switch that is on.
func (f field) value(faults reflect.Value) int64 {
	switch v := faults.Field(f.index); {
	case v.Kind() == reflect.Bool && v.Bool():
		return 1
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	}
	return 0
}

func (f field) put(faults reflect.Value, value int64) {
	switch v := faults.Field(f.index); {
	case v.Kind() == reflect.Bool:
		v.SetBool(value != 0)
	case v.CanInt():
		v.SetInt(value)
	case v.CanUint():
		v.SetUint(uint64(value))
	}
}

// text is a value as the window shows it: a duration with its unit, a status word in
// hexadecimal as manuals print it.
func (f field) text(value int64) string {
	switch {
	case f.of == durationType:
		d := time.Duration(value)
		if d < time.Second {
			return fmt.Sprintf("%d ms", d.Milliseconds())
		}
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	case f.of.Kind() == reflect.Uint8:
		return fmt.Sprintf("%02X", value)
	}
	return strconv.FormatInt(value, 10)
}

// offered are the values to choose from, with one that a script has set.
func (f field) offered(now int64) []int64 {
	if now == 0 || slices.Contains(f.choices, now) {
		return f.choices
	}
	all := append(slices.Clone(f.choices), now)
	slices.Sort(all)
	return all
}

// choices by device and field. What is not listed gets those of its type.
var choices = map[string][]int64{
	"idcard.latency":     durations(100*time.Millisecond, 500*time.Millisecond, 2*time.Second, 5*time.Second),
	"idcard.chunk":       {1, 7, 31, 62},
	"idcard.photoGap":    durations(50*time.Millisecond, 300*time.Millisecond, 900*time.Millisecond, 3*time.Second),
	"idcard.noise":       {1, 5, 40, 200},
	"idcard.unplugAfter": {5, 100, 600, 1290},
	"idcard.bootBaud":    {9600, 19200, 38400, 57600},
	"idcard.deafFor":     durations(1500*time.Millisecond, 5*time.Second, 15*time.Second),
	"idcard.selfTest":    {0x60, 0x66},
	"printer.bootBaud":   {9600, 19200, 38400, 57600},
	"evaluator.lateBy":   durations(500*time.Millisecond, 2*time.Second, 10*time.Second, 30*time.Second),
	"evaluator.bootBaud": {4800, 19200, 115200},
}

func choicesFor(name string, t reflect.Type) []int64 {
	if c, ok := choices[name]; ok {
		return c
	}
	if t == durationType {
		return durations(100*time.Millisecond, time.Second, 10*time.Second)
	}
	return []int64{1, 3, 8, 20} // lines of a receipt
}

func durations(ds ...time.Duration) (n []int64) {
	for _, d := range ds {
		n = append(n, int64(d))
	}
	return n
}
