// Reads a list of jobs as JSON from standard input and writes the bytes of each, in
// base64, as a JSON list. A job is {text} for the bare GB18030 of a text, or {markdown,
// columns, codes}: a ReceiptLine document for so many columns. Release 1.9.0 still has the
// printer draw QR codes and asks for it with GS ( k: codes takes that one. The newest sends
// pictures with GS v 0.
'use strict';

const iconv = require('iconv-lite');
const pictures = require('receiptline');
const codes = require('receiptline-codes');

function encode(job) {
    if (job.text !== undefined) {
        return iconv.encode(job.text, 'gb18030');
    }
    const commands = (job.codes ? codes : pictures).transform(job.markdown, {
        cpl: job.columns,
        encoding: 'gb18030',
        spacing: true,
        cutting: false, // documents say where to cut
        gradient: false,
        command: job.codes ? 'escpos' : 'generic',
    });
    return Buffer.from(commands, 'binary');
}

const jobs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(jobs.map(job => encode(job).toString('base64'))));
