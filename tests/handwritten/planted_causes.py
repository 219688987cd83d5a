"""Each cause that the diagnosis knows, planted into backward passes of several kinds."""

from __future__ import annotations

from dataclasses import dataclass

from handwritten.pieces import Mistake


@dataclass(frozen=True)
class PlantedCause:
    """An edit of the piece of that name, and a part of the message that has to name it."""

    piece: str
    mistake: Mistake
    words: str = ""


def plant(piece: str, causes: str, right: str, wrong: str, words: str = "") -> PlantedCause:
    return PlantedCause(piece, Mistake(causes, right, wrong), words)


#: By what is wrong, in the order of the page on causes.
PLANTED: dict[str, tuple[PlantedCause, ...]] = {
    "a factor": (
        plant("AddBias", "factor", "grad.sum((0, 2))", "grad.mean((0, 2))", "axes 0, 2"),
        plant("AddBias", "factor", "grad.sum((0, 2))", "grad.mean(0).sum(1)", "axis 0"),
        plant("LabelSmoothing", "factor", "/ n, None, None", ", None, None", "5"),
        plant("Mahalanobis", "factor", "(m + m.t())) / (2 * d)", "(m + m.t())) / d", "2"),
        plant("LogDet", "factor", "grad * torch", "-grad * torch", "sign is wrong"),
        plant("RNNStep", "factor", "x.T @ da,", "x.T @ da / len(x),", "axis 0"),
    ),
    "an axis that is not reduced": (
        plant("Snake", "wrong_shape", "ga.sum(0)", "ga", "shape"),
        plant("Linear", "wrong_shape", "grad.sum(0)", "grad", "shape"),
        plant("LayerNorm", "wrong_shape", "gb = grad.sum((0, 1))", "gb = grad.sum(0)", "shape"),
        plant("AddBias", "raises", "grad.sum((0, 2))", "grad", "shape"),
        plant("AddBias", "reduction_axis", "grad.sum((0, 2))", "grad.sum(2)[0]", "axis 0"),
        plant("LayerNorm", "reduction_axis", "gw = (grad * xhat).sum((0, 1))", "gw = (grad * xhat).sum(0)[1]", "axis 1"),
    ),
    "another axis reduced": (
        plant("L2Normalize", "reduction_axis", "(y * grad).sum(1, keepdim=True)", "(y * grad).sum(0, keepdim=True)", "axis"),
        plant("Softmax", "reduction_axis", "(grad * y).sum(-1, keepdim=True)", "(grad * y).sum(0, keepdim=True)", "axis"),
        plant("LogSoftmax", "reduction_axis", "grad.sum(-1, keepdim=True)", "grad.sum(0, keepdim=True)", "axis"),
        plant("RMSNorm", "reduction_axis", "(g * x).sum(-1, keepdim=True)", "(g * x).sum(0, keepdim=True)", "axis"),
        plant("InstanceNorm", "reduction_axis", "gc.mean((2, 3), keepdim=True)", "gc.mean((1, 3), keepdim=True)", "axes 1, 3"),
    ),
    "axes transposed": (
        plant("Bilinear", "transposed", "(g * x).t() @ y", "y.t() @ (g * x)", "axes 0 and 1 exchanged"),
        plant("Bilinear", "transposed", "y @ w.t()", "y @ w", "transpose"),
        plant("CausalAttention", "transposed", "gs.transpose(-1, -2) @ q", "gs @ q", "transpose"),
        plant("Solve", "transposed", "solve(a.t(), grad)", "solve(a, grad)", "transpose"),
        plant("Inverse", "transposed", "-inv.t() @ grad @ inv.t()", "-inv @ grad @ inv.t()", "transpose"),
        plant("NaiveConv", "transposed", "torch.from_numpy(dw), None", "torch.from_numpy(dw.swapaxes(2, 3).copy()), None", "axes 2 and 3"),
        plant("RNNStep", "transposed", "da @ wh.T", "da @ wh", "transpose"),
    ),
    "a slice, channel, head, sample or region of padding": (
        plant("BatchNorm", "region", "return gx, gg, gb", "gx[:, 1] = 0\n        return gx, gg, gb", "0 at [:, 1, :, :]"),
        plant("GroupNorm", "region", "return gx.reshape(grad.shape),", "gx[-1] = 0\n        return gx.reshape(grad.shape),", "0 at [1, :, :]"),
        plant("Attention", "region", "return gs @ k,", "gv[:, 1] *= 2\n        return gs @ k,", "2 times the gradient at [:, 1, :, :]"),
        plant("NaiveConv", "region", "return torch.from_numpy(dx.copy())", "dx[:, :, [0, -1]] = dx[:, :, :, [0, -1]] = 0\n        return torch.from_numpy(dx.copy())", "but [:, :, 1:3, 1:3]"),
        plant("GegluPacked", "region cut_path", "grad * gate * cdf], -1)", "0 * grad], -1)", ""),
        plant("TotalVariation", "region", "return grad * g", "g[:, -1] = 0\n        return grad * g", "0 at [:, 3, :]"),
        plant("Embedding", "region", "        g[ctx.padding] = 0\n", "", "[0, :]"),
    ),
    "gradients swapped": (
        plant("SwiGLU", "swapped", "x.t() @ ga, x.t() @ gb", "x.t() @ gb, x.t() @ ga", "by v"),
        plant("CosineLoss", "swapped", "return gx, gy", "return gy, gx", "by y"),
        plant("Bilinear", "swapped", "g * (y @ w.t()), (g * x).t() @ y, g * (x @ w)", "g * (x @ w), (g * x).t() @ y, g * (y @ w.t())", "by y"),
    ),
    "the upstream gradient": (
        plant("Mish", "upstream_ignored", "return grad *", "return", "ignored"),
        plant("Inverse", "upstream_ignored", "@ grad @", "@ torch.ones_like(grad) @", "ignored"),
        plant("PairDistances", "upstream_ignored", "grad[:, :, None] * diff", "grad.sum() * diff", "sum of the upstream"),
        plant("GeluTanh", "upstream_ignored", "return grad *", "return grad.sum() *", "sum of the upstream"),
        plant("Huber", "upstream_ignored", "g = grad * ", "g = grad.mean() * ", "mean of the upstream"),
        plant("Bilinear", "upstream_not_linear", "g = grad[:, None]", "g = grad[:, None].abs()", "size"),
    ),
    "a path that is missing": (
        plant("LayerNorm", "cut_path", "g - through_mean - through_var", "g - through_mean", "`x.var(-1, keepdim=True, unbiased=False)`, "),
        plant("GroupNorm", "cut_path", " - g.mean(-1, keepdim=True)", "", "`grouped.mean(-1, keepdim=True)`, "),
        plant("L2Normalize", "cut_path", "(grad - y * (y * grad).sum(1, keepdim=True)) / norm", "grad / norm", "`x.norm(dim=1, keepdim=True)`, "),
        plant("GumbelSoftmax", "cut_path", "grad - (grad * y).sum(-1, keepdim=True)", "grad", "sum in `torch.softmax("),
        plant("CosineLoss", "cut_path", "y / (nx * ny) - cos * x / nx**2", "y / (nx * ny)", "`x.norm(dim=1, keepdim=True)`"),
        plant("BatchNormByNodes", "cut_path", "dx = dxmu - dxmu.sum(0) / n", "dx = dxmu", ""),
        plant("FocalLoss", "cut_path", "gamma * (1 - p) ** (gamma - 1) * p * logp - (1", "-(1", "`logp.exp()`"),
    ),
    "a mask inverted": (
        plant("Dropout", "mask_inverted", "dout * mask", "dout * (1 - mask)", ""),
        plant("HardSigmoid", "mask_inverted", "inside, grad / 6, torch.zeros_like(grad)", "~inside, grad / 6, torch.zeros_like(grad)", ""),
        plant("LovaszHinge", "mask_inverted", "(ordered > 0)", "(ordered < 0)", ""),
        plant("PReLU", "mask_inverted", "gx = torch.where(x > 0", "gx = torch.where(x < 0", ""),
        plant("CrossEntropy", "mask_inverted region", "keep[:, None] /", "~keep[:, None] /", ""),
    ),
    "a lower precision": (
        plant("Softmax", "precision", "return y * (grad", "y = y.float().double()\n        return y * (grad", "float32"),
        plant("CausalAttention", "precision", "gq = gs @ k", "gq = (gs.float() @ k.float()).double()", "float32"),
        plant("LayerNorm", "precision", "gx = rstd * (g", "gx = rstd.bfloat16().double() * (g", "narrower"),
        plant("Linear", "precision", "grad @ weight,", "(grad.half() @ weight.half()).double(),", "float16"),
        plant("Swish", "precision", "s = torch.sigmoid(x)\n        return", "s = torch.sigmoid(x.half()).double()\n        return", "float16"),
    ),
    "a NaN": (
        plant("LogSumExp", "nan", "torch.exp(x - y[:, None])", "torch.exp(1e3 * x - 1e3 * x * (x > 0)) * torch.exp(-1e300 * y[:, None] * 1e10 * 0)", ""),
        plant("DiceLoss", "nan", "grad * by_p * p * (1 - p)", "grad * by_p * p * torch.sqrt(1 - p - 0.5) ** 2 * 2", "sqrt"),
        plant("LogDet", "nan", "grad * torch.linalg.inv(a).t()", "grad * torch.log(a).exp() * torch.linalg.inv(a).t() / a", "log"),
        plant("Entmax15", "nan", "return gx - q * root", "return gx - q * y / root", "div"),
    ),
    "overwritten where it is to be accumulated": (
        plant("Embedding", "overwritten", "g.index_add_(0, index.reshape(-1), grad.reshape(-1, grad.shape[-1]))", "g[index.reshape(-1)] = grad.reshape(-1, grad.shape[-1])", "accumulated"),
        plant("StraightThroughVQ", "overwritten", "by_code.index_add_(0, index, grad)", "by_code[index] = grad", "accumulated"),
        plant("NaiveConv", "overwritten", "dpadded[:, :, i : i + w.shape[2], j : j + w.shape[3]] += np", "dpadded[:, :, i : i + w.shape[2], j : j + w.shape[3]] = np", "accumulated"),
        plant("NaiveConv", "overwritten", "dw += np", "dw[:] = np", "accumulated"),
        plant("ChainPartition", "overwritten", "by_trans += (", "by_trans[:] = (", "accumulated"),
        plant("TotalVariation", "overwritten", "g[:, :-1, :] -= 2 * dh\n        g[:, :, 1:] += 2 * dw\n        g[:, :, :-1] -= 2 * dw", "g[:, :-1, :] = -2 * dh\n        g[:, :, 1:] = 2 * dw\n        g[:, :, :-1] = -2 * dw", "accumulated"),
    ),
    "another tensor in the place of a factor": (
        plant("SwiGLU", "wrong_operand", "ga @ w.t() + gb @ v.t()", "ga @ v.t() + gb @ v.t()", "the value of v is used for w"),
        plant("Attention", "wrong_operand", "gp = grad @ v.transpose", "gp = grad @ k.transpose", "the value of k is used for v"),
        plant("InfoNCE", "wrong_operand", "g.t() @ a", "g.t() @ b", "the value of b is used for a"),
        plant("RMSNorm", "operand_for_result", "gw = (grad * x * rrms)", "gw = (grad * x)", "the value of x is used for `x * rrms`"),
    ),
    "a factor missing where an input is broadcast": (
        plant("PReLU", "local_slope", "x * grad).sum", "grad).sum", "`weight[None, :, None] * x`"),
        plant("WeightNorm", "local_slope factor_of_input", "gg = (grad * v)", "gg = (grad)", ""),
    ),
    "a term missing in the derivative of an operation": (
        plant("GegluPacked", "scaled_path", " / math.sqrt(2 * math.pi)", "", "in `F.gelu(gate)`"),
        plant("GegluPacked", "wrong_slope", "gate * gate / 2", "gate * gate", "erf in `F.gelu(gate)`"),
        plant("Swish", "wrong_slope", "x * s * (1 - s)", "x * s", "sigmoid"),
        plant("Swish", "wrong_slope", "x * s * (1 - s)", "x * (1 - s)", "sigmoid"),
        plant("Mish", "wrong_slope", "(1 - t * t)", "(1 - t)", "tanh"),
        plant("GeluTanh", "wrong_slope", "(1 - t**2)", "(1 - t)", "tanh"),
        plant("RNNStep", "wrong_slope", "1 - out**2", "1 - out", "tanh"),
        plant("SigmoidSpike", "wrong_slope factor_of_input", "s * (1 - s)", "s", "sigmoid"),
        plant("DoReFa", "wrong_slope", "1 - t * t", "1 - t", "tanh"),
        plant("DiceLoss", "wrong_slope factor_of_input", "p * (1 - p)", "p", ""),
        plant("ATanSpike", "wrong_slope", "** 2), None", "), None", ""),
        plant("HardSwish", "region", "x / 3 + 0.5", "x / 3", "x < 3"),
        plant("Snake", "wrong_slope", "x * s2 / alpha", "x * torch.sin(alpha * x) / alpha", ""),
        plant("Softmax", "diagonal", "y * (grad - (grad * y).sum(-1, keepdim=True))", "y * (1 - y) * grad", "axis 1"),
        plant("Mahalanobis", "wrong_slope factor_of_input", "grad[:, None] * x / (2 * d)", "grad[:, None] * x * 2 * d", ""),
        plant("InstanceNorm", "wrong_slope factor_of_input", "rstd**3", "rstd**2", ""),
        plant("BatchNormByNodes", "wrong_slope factor_of_input", "sqrtvar**3", "sqrtvar**2", ""),
        plant("PairDistances", "wrong_slope factor_of_input", "diff / d[:, :, None]", "diff", ""),
    ),
}  # fmt: skip
