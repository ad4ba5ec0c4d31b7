// Reads the lines of noble_values and computes each result again with @noble/curves.
// A line is: operation, arguments, result, separated by blanks; numbers are hexadecimal.
import { bls12_381 as bls } from '@noble/curves/bls12-381';
import { createInterface } from 'node:readline';

const groups = { 1: bls.G1.Point, 2: bls.G2.Point };
const order = bls.fields.Fr.ORDER;
const number = (text) => BigInt('0x' + text);
const multiple = (point, k) => (k % order === 0n ? point.subtract(point) : point.multiply(k % order));
const list = (text) => text.split(',').map(number);

// The twelve coefficients in the order of the towers, 48 bytes each.
function towerHex(value) {
  const flat = (v) => (typeof v === 'bigint' ? [v] : Object.keys(v).sort().flatMap((k) => flat(v[k])));
  return flat(value).map((v) => v.toString(16).padStart(96, '0')).join('');
}

function decodes(Group, bytes) {
  try {
    const point = Group.fromHex(bytes);
    point.assertValidity();
    return point.isTorsionFree() ? 'yes' : 'no';
  } catch {
    return 'no';
  }
}

const operations = {
  multiple: ([group, k]) => {
    const point = multiple(groups[group].BASE, number(k));
    return [point.toHex(true), point.toHex(false)];
  },
  sum: ([group, factors, scalars]) => {
    const Group = groups[group];
    const s = list(scalars);
    const sum = list(factors)
      .map((k, i) => multiple(multiple(Group.BASE, k), s[i]))
      .reduce((a, b) => a.add(b), Group.ZERO);
    return [sum.toHex(true)];
  },
  pairing: ([a, b]) => {
    const value = bls.pairing(multiple(groups[1].BASE, number(a)), multiple(groups[2].BASE, number(b)));
    return [towerHex(value)];
  },
  decode: ([group, bytes]) => [decodes(groups[group], bytes)],
};

const counts = {};
let wrong = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...rest] = line.split(' ');
  const taken = { multiple: 2, sum: 3, pairing: 2, decode: 2 }[name];
  if (taken === undefined) {
    console.log(`unknown operation: ${line}`);
    process.exit(1);
  }
  const wanted = operations[name](rest.slice(0, taken)).join(' ');
  const found = rest.slice(taken).join(' ');
  counts[name] = (counts[name] ?? 0) + 1;
  if (wanted !== found) {
    wrong++;
    console.log(`${name} ${rest.slice(0, taken).join(' ').slice(0, 200)}\n  ours  ${found}\n  noble ${wanted}`);
  }
}
console.log(`compared ${JSON.stringify(counts)}, ${wrong} differ`);
const complete = ['multiple', 'sum', 'pairing', 'decode'].every((name) => counts[name] > 0);
process.exit(wrong === 0 && complete ? 0 : 1);
