// Functions of the formula language that JavaScript's Math lacks, in double precision. Each block stands alone but for
// the blocks that it names: diffexplore/program/javascript.py takes out those that a formula needs.
// Equations are those of the NIST Digital Library of Mathematical Functions (DLMF), https://dlmf.nist.gov.

function heaviside(x) {
  return x > 0 ? 1 : x < 0 ? 0 : x === 0 ? 0.5 : NaN;
}

function roundEven(x) { // of two nearest whole numbers the even one, as IEEE 754 rounds
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

function sigmoid(x) {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x) / x;
}

function dsinc(n, x) { // the n-th derivative of sin(x)/x: its series near 0, else x·f(n) + n·f(n − 1) = the n-th of sin
  if (Math.abs(x) < Math.max(1, n / 2)) {
    const first = Math.floor((n + 1) / 2);
    let part = first % 2 ? -1 : 1, sum = 0; // (−1)^k x^(2k − n)/(2k − n)!, divided by 2k + 1 where it is added
    if (n % 2) part *= x;
    for (let k = first; k < first + 24 + n; k++) {
      sum += part / (2 * k + 1);
      part *= -x * x / ((2 * k + 1 - n) * (2 * k + 2 - n));
    }
    return sum;
  }
  const sine = Math.sin(x), cosine = Math.cos(x), turned = [sine, cosine, -sine, -cosine];
  let value = sine / x;
  for (let k = 1; k <= n; k++) value = (turned[k % 4] - k * value) / x;
  return value;
}

function expMinusSquare(x) { // exp(−x²): the square of x rounded to 24 bits is exact
  const head = Math.fround(x);
  return Math.exp(-head * head) * Math.exp((head - x) * (head + x));
}

function erf(x) { // DLMF 7.6.2, whose terms are all positive
  if (Math.abs(x) >= 1) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
  let term = 1, sum = 0;
  for (let k = 1; term > 1e-18; k++) {
    sum += term;
    term *= 2 * x * x / (2 * k + 1);
  }
  return 2 / Math.sqrt(Math.PI) * x * expMinusSquare(x) * sum;
}

function erfc(x) { // the continued fraction of DLMF 7.9.2
  if (Number.isNaN(x)) return NaN;
  if (x < 1) return x > -1 ? 1 - erf(x) : 2 - erfc(-x);
  if (x > 27.3) return 0;
  let below = x;
  for (let k = Math.ceil(20 + 180 / (x * x)); k > 0; k--) below = x + k / 2 / below;
  return expMinusSquare(x) / (Math.sqrt(Math.PI) * below);
}

function erfinv(x) { // Halley's iteration from Winitzki's approximation, on erfc where erf is near 1
  const size = Math.abs(x);
  if (!(size < 1)) return size === 1 ? x * Infinity : NaN;
  if (x === 0) return x;
  const a = 0.147, logarithm = Math.log1p(-size * size), middle = 2 / (Math.PI * a) + logarithm / 2;
  let root = Math.sqrt(-logarithm / a / (Math.sqrt(middle * middle - logarithm / a) + middle));
  for (let k = 0; k < 4; k++) {
    const off = size < 0.5 ? erf(root) - size : 1 - size - erfc(root);
    const step = off * Math.sqrt(Math.PI) / (2 * expMinusSquare(root));
    root -= step / (1 + root * step);
  }
  return Math.sign(x) * root;
}

const BERNOULLI = [
  1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
];

const ZETA_LESS_ONE = [ // ζ(k) − 1, from k = 2 on
  0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993, 0.01734306198444914,
  0.008349277381922827, 0.00407735619794434, 0.0020083928260822143, 0.0009945751278180853, 0.0004941886041194645,
  0.0002460865533080483, 0.00012271334757848915, 6.124813505870483e-05, 3.058823630702049e-05, 1.528225940865187e-05,
  7.637197637899763e-06, 3.81729326499984e-06, 1.908212716553939e-06, 9.539620338727962e-07, 4.769329867878064e-07,
  2.38450502727733e-07, 1.1921992596531106e-07, 5.960818905125948e-08, 2.980350351465228e-08, 1.4901554828365043e-08,
];

function sinpi(x) { // sin(πx), whose argument is reduced without an error
  const turn = x - 2 * Math.round(x / 2), near = Math.abs(turn);
  return Math.sign(turn) * (near > 0.5 ? Math.sin(Math.PI * (1 - near)) : Math.sin(Math.PI * near));
}

function cotpi(x) { // cot(πx), likewise
  const turn = x - Math.round(x);
  return Math.abs(turn) > 0.25
    ? Math.sign(turn) * Math.tan(Math.PI * (0.5 - Math.abs(turn))) : 1 / Math.tan(Math.PI * turn);
}

function logGammaNearTwo(z) { // log Γ(2 + z) for |z| <= 1/2: DLMF 5.7.3
  let sum = 0;
  for (let k = ZETA_LESS_ONE.length - 1; k >= 0; k--) sum = -z * (sum + ZETA_LESS_ONE[k] / (k + 2));
  return z * (0.42278433509846714 - sum); // 1 − γ
}

function lgamma(x) { // log |Γ(x)|
  if (x <= 0) { // DLMF 5.5.3
    return Number.isInteger(x) ? Infinity : Math.log(Math.PI / Math.abs(sinpi(x))) - lgamma(1 - x);
  }
  if (x < 0.5) return logGammaNearTwo(x) - Math.log1p(x) - Math.log(x);
  if (x < 1.5) return logGammaNearTwo(x - 1) - Math.log1p(x - 1);
  if (x < 12) {
    let product = 1;
    while (x >= 2.5) product *= x -= 1;
    return Math.log(product) + logGammaNearTwo(x - 2);
  }
  if (x === Infinity) return Infinity;
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046728 + stirling(x); // log(2π)/2
}

function stirling(x) { // the sum of DLMF 5.11.1
  let sum = 0;
  for (let k = 8; k >= 1; k--) sum = sum / (x * x) + BERNOULLI[k - 1] / (2 * k * (2 * k - 1));
  return sum / x;
}

function gamma(x) {
  if (x <= 0) {
    if (Number.isInteger(x)) return x === 0 ? 1 / x : NaN;
    return Math.PI / (sinpi(x) * gamma(1 - x));
  }
  if (x > 171.7) return Infinity;
  if (x < 12) {
    let product = 1;
    while (x >= 2.5) product *= x -= 1;
    for (; x < 1.5; x += 1) product /= x;
    return product * Math.exp(logGammaNearTwo(x - 2));
  }
  const half = Math.pow(x, (x - 0.5) / 2);
  return half * Math.exp(-x) * half * 2.5066282746310002 * Math.exp(stirling(x)); // √(2π)
}

function digamma(x) { // DLMF 5.5.4, 5.5.2 and 5.11.2
  if (x <= 0) return Number.isInteger(x) ? NaN : digamma(1 - x) - Math.PI * cotpi(x);
  let shift = 0;
  for (; x < 10; x += 1) shift += 1 / x;
  let sum = 0;
  for (let k = 8; k >= 1; k--) sum = (sum + BERNOULLI[k - 1] / (2 * k)) / (x * x);
  return Math.log(x) - 0.5 / x - sum - shift;
}

function polygamma(n, x) { // by Hurwitz's zeta function, DLMF 25.11.12; left of 0 by reflection, DLMF 5.15.6
  if (x <= 0) {
    if (Number.isInteger(x)) return NaN;
    return (n % 2 ? -1 : 1) * polygamma(n, 1 - x) - Math.pow(Math.PI, n + 1) * cotangentSlope(n, cotpi(x));
  }
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  return (n % 2 ? 1 : -1) * factorial * hurwitz(n + 1, x);
}

function hurwitz(s, a) { // Σ (a + k)^−s: some terms, and the rest by Euler and Maclaurin, DLMF 25.11.5
  const end = Math.max(0, Math.ceil(12 + s - a)), far = a + end;
  let part = s / (2 * far), rest = 0; // s(s + 1)…(s + 2k − 2) far^(1 − 2k) / (2k)!
  for (let k = 1; k <= BERNOULLI.length; k++) {
    rest += BERNOULLI[k - 1] * part;
    part *= (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2) * far * far);
  }
  let sum = Math.pow(far, -s) * (far / (s - 1) + 0.5 + rest);
  for (let k = end - 1; k >= 0; k--) sum += Math.pow(a + k, -s);
  return sum;
}

function cotangentSlope(n, t) { // the n-th derivative of cot at cot = t, a polynomial: each is −(1 + t²) times a slope
  let coefficients = [0, 1];
  for (let k = 0; k < n; k++) {
    const next = new Array(coefficients.length + 1).fill(0);
    for (let power = 1; power < coefficients.length; power++) {
      next[power - 1] -= power * coefficients[power];
      next[power + 1] -= power * coefficients[power];
    }
    coefficients = next;
  }
  return coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
}

function hankel(n, x, shift) { // DLMF 10.17.3 and, a quarter turn on, 10.17.4
  let term = 1, k = 0;
  const sums = [1, 0];
  while (Math.abs(term) > 1e-17 && k < 60) {
    k++;
    term *= (4*n*n - (2*k - 1)**2)/(8*k*x);
    sums[k % 2] += k % 4 > 1 ? -term : term;
  }
  const angle = x - (2*n + 1)*Math.PI/4 - shift*Math.PI/2;
  return Math.sqrt(2/(Math.PI*x))*(sums[0]*Math.cos(angle) - sums[1]*Math.sin(angle));
}

function besselj(n, x) { // DLMF 10.9.2 by the trapezoidal rule over a period, which converges exponentially
  if (Math.abs(x) > 25 + n*n) return hankel(n, Math.abs(x), 0)*(x < 0 && n % 2 ? -1 : 1);
  const points = Math.ceil(Math.abs(x)) + n + 40;
  let sum = 0;
  for (let k = 0; k < points; k++) {
    const angle = 2*Math.PI*k/points;
    sum += Math.cos(n*angle - x*Math.sin(angle));
  }
  return sum/points;
}

function bessely(n, x) { // Neumann's series of Y_0 (DLMF 10.23.18), and -Y_0' = Y_1
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x > 25) return hankel(n, x, 1);
  let sum = (Math.log(x/2) + 0.5772156649015329)*besselj(n, x) - (n ? besselj(0, x)/x : 0);
  for (let k = 1; k < 40; k++) {
    const part = n ? (besselj(2*k + 1, x) - besselj(2*k - 1, x))/2 : besselj(2*k, x);
    sum -= 2*(-1)**k*part/k;
  }
  return 2*sum/Math.PI;
}

function besseli(n, x) { // DLMF 10.25.2, whose terms have one sign
  let term = 1, sum = 0;
  for (let k = 1; k <= n; k++) term *= x/2/k;
  for (let k = 1; sum + term !== sum; k++) {
    sum += term;
    term *= x*x/4/k/(n + k);
  }
  return sum;
}

function besselie(n, x) { // exp(-|x|)*besseli(n, x); far out DLMF 10.40.1
  if (Math.abs(x) < 30 + n*n) return Math.exp(-Math.abs(x))*besseli(n, x);
  let term = 1, sum = 1, k = 0;
  while (Math.abs(term) > 1e-17 && k < 60) {
    k++;
    term *= ((2*k - 1)**2 - 4*n*n)/(8*k*Math.abs(x));
    sum += term;
  }
  return (x < 0 && n % 2 ? -1 : 1)*sum/Math.sqrt(2*Math.PI*Math.abs(x));
}

function besselk(n, x) { // DLMF 10.32.9 by the trapezoidal rule, which converges exponentially
  if (!(x > 0)) return x === 0 ? Infinity : NaN;
  let sum = Math.exp(-x)/2;
  for (let t = 1/64; x*(Math.cosh(t) - 1) - n*t < 40; t += 1/64) sum += Math.exp(-x*Math.cosh(t))*Math.cosh(n*t);
  return sum/64;
}

function gammainc(a, x) { // DLMF 8.7.1, whose terms are positive
  if (x >= a + 1) return 1 - gammaincc(a, x);
  if (!(x > 0)) return x === 0 ? 0 : NaN;
  let term = 1/a, sum = 0;
  for (let k = a; sum + term !== sum;) {
    sum += term;
    term *= x/++k;
  }
  return Math.exp(a*Math.log(x) - x - lgamma(a))*sum;
}

function gammaincc(a, x) { // the continued fraction of DLMF 8.9.2
  if (!(x >= a + 1)) return 1 - gammainc(a, x);
  let b = x + 1 - a, c = 1e300, d = 1/b, product = d, change = 0;
  for (let k = 1; Math.abs(change - 1) > 1e-16 && k < 10000; k++) {
    b += 2;
    d = 1/(b - k*(k - a)*d);
    c = b - k*(k - a)/c;
    change = c*d;
    product *= change;
  }
  return Math.exp(a*Math.log(x) - x - lgamma(a))*product;
}

function betainc(a, b, x) { // the continued fraction of DLMF 8.17.22
  if (x > (a + 1)/(a + b + 2)) return 1 - betainc(b, a, 1 - x);
  if (!(x > 0)) return x === 0 ? 0 : NaN;
  let c = 1, d = 1/(1 - (a + b)*x/(a + 1)), product = d, change = 0;
  for (let k = 1; Math.abs(change - 1) > 1e-16 && k < 10000; k++) {
    const even = k*(b - k)*x/(a + 2*k - 1)/(a + 2*k), odd = -(a + k)*(a + b + k)*x/(a + 2*k)/(a + 2*k + 1);
    for (const part of [even, odd]) {
      d = 1/(1 + part*d);
      c = 1 + part/c;
      change = c*d;
      product *= change;
    }
  }
  return Math.exp(a*Math.log(x) + b*Math.log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b))*product/a;
}
