/**
 * The two cyclic checksums of S3 that Node does not have: CRC32C (Castagnoli) and CRC64NVME, both reflected,
 * both begun and ended with all ones. Eight bytes a step, from tables.
 */

const crc32cPolynomial = 0x82f63b78
const crc64Polynomial = 0x9a6c9329ac4bc9b5n

let crc32cTables: Uint32Array | undefined
let crc64Tables: { readonly low: Uint32Array; readonly high: Uint32Array } | undefined

/** CRC32C of `bytes` as S3 has it in headers: four bytes, big-endian. */
export function crc32c(bytes: Uint8Array): Buffer {
  crc32cTables ??= makeCrc32cTables()
  const t = crc32cTables
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (table: number, index: number): number => t[table * 256 + index] ?? 0
  let crc = 0xffffffff
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ view.getUint32(i, true)
    const high = view.getUint32(i + 4, true)
    crc =
      at(7, low & 0xff) ^
      at(6, (low >>> 8) & 0xff) ^
      at(5, (low >>> 16) & 0xff) ^
      at(4, low >>> 24) ^
      at(3, high & 0xff) ^
      at(2, (high >>> 8) & 0xff) ^
      at(1, (high >>> 16) & 0xff) ^
      at(0, high >>> 24)
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ at(0, (crc ^ (bytes[i] ?? 0)) & 0xff)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(~crc >>> 0)
  return sum
}

/** CRC64NVME of `bytes` as S3 has it in headers: eight bytes, big-endian. */
export function crc64nvme(bytes: Uint8Array): Buffer {
  crc64Tables ??= makeCrc64Tables()
  const { low: tableLow, high: tableHigh } = crc64Tables
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let low = 0xffffffff
  let high = 0xffffffff
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    low ^= view.getUint32(i, true)
    high ^= view.getUint32(i + 4, true)
    const a = 7 * 256 + (low & 0xff)
    const b = 6 * 256 + ((low >>> 8) & 0xff)
    const c = 5 * 256 + ((low >>> 16) & 0xff)
    const d = 4 * 256 + (low >>> 24)
    const e = 3 * 256 + (high & 0xff)
    const f = 2 * 256 + ((high >>> 8) & 0xff)
    const g = 1 * 256 + ((high >>> 16) & 0xff)
    const h = high >>> 24
    low =
      (tableLow[a] ?? 0) ^
      (tableLow[b] ?? 0) ^
      (tableLow[c] ?? 0) ^
      (tableLow[d] ?? 0) ^
      (tableLow[e] ?? 0) ^
      (tableLow[f] ?? 0) ^
      (tableLow[g] ?? 0) ^
      (tableLow[h] ?? 0)
    high =
      (tableHigh[a] ?? 0) ^
      (tableHigh[b] ?? 0) ^
      (tableHigh[c] ?? 0) ^
      (tableHigh[d] ?? 0) ^
      (tableHigh[e] ?? 0) ^
      (tableHigh[f] ?? 0) ^
      (tableHigh[g] ?? 0) ^
      (tableHigh[h] ?? 0)
  }
  for (; i < bytes.length; i++) {
    const index = (low ^ (bytes[i] ?? 0)) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (tableLow[index] ?? 0)
    high = (high >>> 8) ^ (tableHigh[index] ?? 0)
  }
  const sum = Buffer.alloc(8)
  sum.writeUInt32BE(~high >>> 0, 0)
  sum.writeUInt32BE(~low >>> 0, 4)
  return sum
}

/** A cyclic checksum as a polynomial over GF(2), reflected. */
interface Field {
  readonly bits: bigint
  readonly polynomial: bigint
}
const crc32cField: Field = { bits: 32n, polynomial: BigInt(crc32cPolynomial) }
const crc64Field: Field = { bits: 64n, polynomial: crc64Polynomial }

/** A part's size and checksum. */
export interface PartCrc {
  readonly size: number
  readonly crc: Buffer
}

/** CRC32C of the parts one after the other, from each one's own and its size: S3's full-object checksum. */
export function joinCrc32c(parts: readonly PartCrc[]): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(Number(join(crc32cField, parts, crc => BigInt(crc.readUInt32BE()))))
  return sum
}

/** CRC64NVME of the parts one after the other, likewise. */
export function joinCrc64nvme(parts: readonly PartCrc[]): Buffer {
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64BE(join(crc64Field, parts, crc => crc.readBigUInt64BE()))
  return sum
}

function join(field: Field, parts: readonly PartCrc[], read: (crc: Buffer) => bigint): bigint {
  const shifts = new Map<number, bigint>()
  let joined = 0n
  for (const { size, crc } of parts) {
    let shift = shifts.get(size)
    if (shift === undefined) {
      shift = shiftBy(field, size)
      shifts.set(size, shift)
    }
    joined = multiply(field, shift, joined) ^ read(crc)
  }
  return joined
}

/** x^(8 × bytes) modulo the polynomial: what a checksum is multiplied by when so many bytes follow it. */
function shiftBy(field: Field, bytes: number): bigint {
  let result = 1n << (field.bits - 1n) // x^0, reflected
  let power = 1n << (field.bits - 9n) // x^8
  for (let left = BigInt(bytes); left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = multiply(field, power, result)
    power = multiply(field, power, power)
  }
  return result
}

/** Product of two polynomials over GF(2), reflected, modulo the field's. */
function multiply({ bits, polynomial }: Field, a: bigint, b: bigint): bigint {
  let product = 0n
  let shifted = b
  for (let bit = 1n << (bits - 1n); bit > 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}

function makeCrc32cTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ crc32cPolynomial : crc >>> 1
    tables[n] = crc
  }
  for (let k = 1; k < 8; k++)
    for (let n = 0; n < 256; n++) {
      const before = tables[(k - 1) * 256 + n] ?? 0
      tables[k * 256 + n] = (before >>> 8) ^ (tables[before & 0xff] ?? 0)
    }
  return tables
}

function makeCrc64Tables(): { readonly low: Uint32Array; readonly high: Uint32Array } {
  const low = new Uint32Array(8 * 256)
  const high = new Uint32Array(8 * 256)
  let before: bigint[] = []
  for (let k = 0; k < 8; k++) {
    const row: bigint[] = []
    for (let n = 0; n < 256; n++) {
      let crc: bigint
      if (k === 0) {
        crc = BigInt(n)
        for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ crc64Polynomial : crc >> 1n
      } else {
        const last = before[n] ?? 0n
        const step = Number(last & 0xffn)
        crc = (last >> 8n) ^ ((BigInt(high[step] ?? 0) << 32n) | BigInt(low[step] ?? 0))
      }
      row.push(crc)
      low[k * 256 + n] = Number(crc & 0xffffffffn)
      high[k * 256 + n] = Number(crc >> 32n)
    }
    before = row
  }
  return { low, high }
}
