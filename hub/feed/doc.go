// Package feed tells a province's back office what terminals handed in, and takes back
// what became of it.
//
// A Feed follows the committed applications and ratings in the order of their commit.
// Its position is durable and moves only after the back office has said that it has the
// event; so every event arrives at least once, and one that arrives twice has the same
// id. Only one process at a time delivers a feed: it holds a lease in the store.
//
// An event goes to a Sink: a Webhook (HTTPS, signed after the Standard Webhooks
// specification, https://www.standardwebhooks.com) or a Pipe (a JSON line out, a JSON
// line back). A sink that is away is tried again for ever, with growing pauses, and staff
// get an alarm. An event that a sink refuses for good is set down with its answer for a
// person, and the feed goes on; hub feed retry has it delivered once more, out of its turn.
//
// What the back office decides comes back as a Result: in the answer to an event, as a
// line of the pipe, or to the Receiver at any later time. It reaches the citizen on any
// terminal's progress page.
//
// Events hold personal data. They go to the sink and nowhere else: not to a log, not into
// an error text.
package feed
