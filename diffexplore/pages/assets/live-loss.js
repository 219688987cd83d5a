// The loss of a live section and descents on it, computed from the simplified formulas.
//
// `given` is what diffexplore found; `formulas` functions made from the loss, of a point, the columns and the number of a
// sample.
function diffexploreLoss(given, formulas) {
  "use strict";
  const { parameters, data, columns, n, reduction } = given;
  const MOST_KEPT = 2000; // points of a path that are drawn
  const held = data.map(name => Float64Array.from(columns[name]));

  function total(point, width, summand) { // sums of `width` numbers over the samples, with Neumaier's correction
    const sums = new Float64Array(width), lost = new Float64Array(width);
    for (let i = 0; i < n; i++) {
      const terms = summand(point, held, i);
      for (let k = 0; k < width; k++) {
        const term = terms[k], sum = sums[k] + term;
        lost[k] += Math.abs(sums[k]) >= Math.abs(term) ? sums[k] - sum + term : term - sum + sums[k];
        sums[k] = sum;
      }
    }
    return Array.from(sums, (sum, k) => (isFinite(sum) ? sum + lost[k] : NaN) / (reduction === "mean" ? n : 1));
  }

  function inside(point) {
    for (let i = 0; given.bounded && i < n; i++) if (!formulas.inside(point, held, i).every(Boolean)) return false;
    return true;
  }

  const loss = point => inside(point) ? total(point, 1, formulas.value)[0] : NaN;
  const gradient = point => inside(point) ? total(point, parameters.length, formulas.gradient) : parameters.map(() => NaN);

  function hessian(point) {
    const size = parameters.length;
    const flat = inside(point) ? total(point, size * size, formulas.hessian) : [];
    return parameters.map((_, row) => parameters.map((_, column) => flat.length ? flat[row * size + column] : NaN));
  }

  // The optimizers of torch.optim that step by step need the gradient alone, operation by operation.
  const RULES = {
    gd: () => (point, slopes, rate) => point.map((x, k) => x - rate * slopes[k]),
    momentum: () => {
      let velocity = null;
      return (point, slopes, rate) => {
        velocity = velocity ? velocity.map((v, k) => given.constants.momentum * v + slopes[k]) : slopes;
        return point.map((x, k) => x - rate * velocity[k]);
      };
    },
    adam: () => {
      const { beta1, beta2, eps } = given.constants;
      const mean = parameters.map(() => 0), square = parameters.map(() => 0);
      let step = 0;
      return (point, slopes, rate) => {
        step += 1;
        const size = rate / (1 - Math.pow(beta1, step)), spread = Math.sqrt(1 - Math.pow(beta2, step));
        return point.map((x, k) => {
          mean[k] += (1 - beta1) * (slopes[k] - mean[k]);
          square[k] = beta2 * square[k] + (1 - beta2) * slopes[k] * slopes[k];
          return x - size * mean[k] / (Math.sqrt(square[k]) / spread + eps);
        });
      };
    },
  };

  function descent(start, rate, steps, optimizer) { // a long path is thinned, and its last point kept
    const move = RULES[optimizer]();
    const stride = Math.ceil(steps / MOST_KEPT), kept = [];
    let point = start, value = loss(start), step = 0, ended = null;
    let best = { step, point, value };
    kept.push(best);
    while (step < steps) {
      const slopes = gradient(point);
      if (!slopes.every(isFinite)) { ended = "the gradient is not finite"; break; }
      point = move(point, slopes, rate);
      value = loss(point);
      step += 1;
      if (!isFinite(value)) { ended = "the loss is not finite"; break; }
      const place = { step, point, value };
      if (value < best.value) best = place;
      if (step % stride === 0 || step === steps) kept.push(place);
    }
    return { path: kept, last: kept[kept.length - 1], best, steps: step, ended };
  }

  function largestCurvature(point) { // by power iteration on a shifted matrix: the largest eigenvalue
    const matrix = hessian(point), size = matrix.length;
    if (!matrix.flat().every(isFinite)) return NaN;
    const shift = Math.max(...matrix.map(row => row.reduce((sum, entry) => sum + Math.abs(entry), 0)));
    if (shift === 0) return 0;
    let vector = matrix.map((_, k) => 1 + k / 7), value = 0;
    for (let turn = 0; turn < 500; turn++) {
      const next = matrix.map((row, k) => row.reduce((sum, entry, j) => sum + entry * vector[j], shift * vector[k]));
      const length = Math.hypot(...next);
      if (!(length > 0)) break;
      vector = next.map(x => x / length);
      const before = value;
      value = length - shift;
      if (Math.abs(value - before) <= 1e-12 * shift) break;
    }
    return size === 1 ? matrix[0][0] : value;
  }

  return { loss, gradient, hessian, descent, largestCurvature };
}
