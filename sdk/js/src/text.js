// Text as UTF-8 and back. QuickJS has no TextEncoder.

/** UTF-8 of a text. */
export function encode(text) {
  const bytes = [];
  for (const character of text) {
    const code = character.codePointAt(0);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
    else if (code >= 0xd800 && code < 0xe000) bytes.push(0xef, 0xbf, 0xbd);
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return new Uint8Array(bytes);
}

const tail = (bits) => 0x80 | (bits & 0x3f);

/** How many characters are put together at once. */
const CHUNK = 4096;

/** The text of UTF-8; what is none is replaced. */
export function decode(bytes) {
  let text = "";
  let chunk = [];
  for (let at = 0; at < bytes.length; ) {
    const [code, length] = character(bytes, at);
    chunk.push(code);
    at += length;
    if (chunk.length === CHUNK || at >= bytes.length) {
      text += String.fromCodePoint(...chunk);
      chunk = [];
    }
  }
  return text;
}

/** The character at a place, and its bytes. */
function character(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const least = [0, 0, 0x80, 0x800, 0x10000][length];
  let code = first & (0xff >> (length + 1));
  for (let next = at + 1; next < at + length; next++) {
    if ((bytes[next] & 0xc0) !== 0x80) return [0xfffd, 1];
    code = (code << 6) | (bytes[next] & 0x3f);
  }
  const surrogate = code >= 0xd800 && code < 0xe000;
  if (first < 0xc2 || first > 0xf4 || code < least || code > 0x10ffff || surrogate) return [0xfffd, 1];
  return [code, length];
}
