// Package evaluator asks citizens how satisfied they were (好差评) on a device with five
// keys.
//
// # Whose answer is it
//
// A key belongs to the question that was open when it was pressed, or to nobody. EV1 says
// the question's session with each result. The other makes say a bare level, so for
// them a byte counts only inside an open window, and not within Options.Guard of its
// opening, since nobody reads a question and presses in that time; and a window that
// ended without an answer keeps the next one shut for Options.Grace, since its answer
// may still be on the way. Everything else is dropped and counted: late, double or
// unasked, it never rates anybody else's session.
//
// # EV1
//
// Ours, for devices that can be taught. Both directions use
//
//	55 AA | LEN16 | VER | ADDR | SEQ | CMD | DATA | CRC16
//
// big-endian. LEN counts from VER to CRC16. CRC16 is CRC-16/IBM-3740 (polynomial 1021,
// start FFFF) over LEN to DATA. VER is 1, ADDR the device's, 1 by default. DATA is at
// most 112 bytes.
//
//	01 HELLO    –                                          ACK: version, keys, capabilities, serial number
//	02 WELCOME  –                                          ACK
//	03 ASK      session 8, time-out 16 (100 ms), n, n × level   ACK
//	04 RESULT   session 8, level, key, milliseconds 32     device → host; level 0: nobody pressed
//	05 CANCEL   session 8                                  ACK
//	06 STATUS   –                                          ACK: 0 idle, 1 asking; plus 80: no HELLO since power-up
//	10 ACK      the command, then its answer               with the command's SEQ
//	11 NAK      the command, 1 CRC 2 unknown 3 data 4 busy with the command's SEQ
//
// Capabilities is the sum of 1, results name their session, and 2, CANCEL closes a
// question. The serial number is ASCII to the end of the data, at most 32 bytes; a device
// may have none.
//
// A device that was without power forgets its question and HELLO. One that was so short
// without that nobody missed it tells by its STATUS, which is asked for every 2 s while a
// question is open: the question is put again, and HELLO is asked for again, as it may be
// another device by now.
//
// A device repeats a RESULT until it is acknowledged; the host knows it again by its
// session.
//
// # PJ06
//
// 55 AA LEN CMD DATA 1A, LEN counting CMD and DATA. The device only ever says one bare
// byte 01–05 for a key, so its presence cannot be asked.
//
// # JT/T 905
//
// 55 AA | LEN16 | device | vendor | CMD16 | body | XOR | 55 AA on the peripherals' bus
// of taxi terminals. LEN counts from device to body, XOR covers LEN to body. The
// commands differ from vendor to vendor: JT905 holds them.
package evaluator
