// Crockford's base 32, as the key code is written (docs/protocol.md): five bytes become eight characters.

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function encodeBase32(bytes) {
  let text = '';
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  for (let i = 0; i < (bytes.length * 8) / 5; i += 1) {
    text = DIGITS[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}

// Case, spaces and dashes do not matter; null where the text is none or has another length.
export function decodeBase32(text, length) {
  const plain = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (plain.length !== (length * 8) / 5) return null;
  let bits = 0n;
  for (const digit of plain) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) return null;
    bits = (bits << 5n) | BigInt(value);
  }
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(bits & 255n);
    bits >>= 8n;
  }
  return bytes;
}
