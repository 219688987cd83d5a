"""Formulas from textbooks of physics and statistics, each with a point and ranges where it is used.

Sources: [A] P. Atkins and J. de Paula, Physical Chemistry; [C] G. Casella and R. Berger, Statistical Inference;
[F] R. Feynman, Lectures on Physics; [H] J. Hull, Options, Futures and Other Derivatives; [J] J. D. Jackson, Classical
Electrodynamics; [M] J. D. Murray, Mathematical Biology; [P] W. Press et al., Numerical Recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Formula:
    """A formula, the point of its parameters, the range (low, high) of each data symbol, and its source."""

    name: str
    text: str
    at: Mapping[str, float]
    data: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    source: str = ""


FORMULAS = (
    Formula("gaussian", "A*exp(-(x - m)**2/(2*s**2))", {"A": 2.0, "m": 0.3, "s": 1.2}, {"x": (-3, 3)}, "[P]"),
    Formula("normal log density", "log(s) + (x - m)**2/(2*s**2)", {"m": 0.1, "s": 0.8}, {"x": (-3, 3)}, "[C]"),
    Formula("Planck", "x**3/(exp(x/T) - 1)", {"T": 1.3}, {"x": (0.2, 10)}, "[F]"),
    Formula("Wien", "x**3*exp(-x/T)", {"T": 1.3}, {"x": (0.5, 10)}, "[F]"),
    Formula("Lorentz factor", "1/sqrt(1 - v**2)", {"v": 0.6}, {}, "[J]"),
    Formula("relativistic energy", "sqrt(p**2 + m**2) - m", {"m": 0.938}, {"p": (0.1, 5)}, "[J]"),
    Formula("velocity addition", "(u + v)/(1 + u*v)", {"u": 0.5}, {"v": (0.1, 0.9)}, "[J]"),
    Formula("relativistic Doppler", "sqrt((1 + b)/(1 - b))", {"b": 0.3}, {}, "[J]"),
    Formula("barometric", "p*exp(-h/H)", {"p": 101.325, "H": 8.4}, {"h": (0, 11)}, "[A]"),
    Formula("Michaelis-Menten", "V*c/(K + c)", {"V": 3.2, "K": 0.7}, {"c": (0.05, 9)}, "[A]"),
    Formula("Hill", "V*c**n/(K**n + c**n)", {"V": 1.0, "K": 0.7, "n": 2.4}, {"c": (0.1, 5)}, "[M]"),
    Formula("Arrhenius", "A*exp(-Q/(0.0083145*T))", {"A": 1e3, "Q": 25.0}, {"T": (280, 400)}, "[A]"),
    Formula("Eyring", "T*exp(-H/(0.0083145*T) + S)", {"H": 20.0, "S": 0.4}, {"T": (280, 400)}, "[A]"),
    Formula("logistic growth", "K/(1 + (K - n)/n*exp(-r*t))", {"K": 10.0, "n": 0.5, "r": 0.8}, {"t": (0, 12)}, "[M]"),
    Formula("Gompertz", "K*exp(-b*exp(-c*t))", {"K": 10.0, "b": 3.0, "c": 0.5}, {"t": (0, 12)}, "[M]"),
    Formula("van der Waals", "T/(V - b) - a/V**2", {"a": 1.36, "b": 0.032}, {"V": (0.5, 5), "T": (20, 40)}, "[A]"),
    Formula("Lennard-Jones", "4*D*((s/r)**12 - (s/r)**6)", {"D": 0.99, "s": 3.4}, {"r": (3.2, 8)}, "[A]"),
    Formula("Morse", "D*(1 - exp(-a*(r - q)))**2", {"D": 4.6, "a": 1.9, "q": 0.74}, {"r": (0.4, 3)}, "[A]"),
    Formula("Coulomb screened", "q*exp(-r/L)/r", {"q": 1.4, "L": 2.0}, {"r": (0.3, 6)}, "[J]"),
    Formula("Breit-Wigner", "G**2/4/((W - m)**2 + G**2/4)", {"G": 2.5, "m": 91.2}, {"W": (85, 97)}, "[P]"),
    Formula("damped oscillator", "A*exp(-g*t)*cos(w*t + p)", {"A": 1.0, "g": 0.2, "w": 3.0, "p": 0.4}, {"t": (0, 9)}, "[F]"),
    Formula("resonance", "1/sqrt((w**2 - x**2)**2 + g**2*x**2)", {"w": 2.0, "g": 0.3}, {"x": (0.2, 4)}, "[F]"),
    Formula("pendulum period", "2*pi*sqrt(L/g)*(1 + sin(x/2)**2/4)", {"L": 1.2, "g": 9.81}, {"x": (0, 1)}, "[F]"),
    Formula("Fermi-Dirac", "1/(exp((W - m)/T) + 1)", {"m": 1.0, "T": 0.3}, {"W": (0, 3)}, "[F]"),
    Formula("Bose-Einstein", "1/(exp((W - m)/T) - 1)", {"m": -0.1, "T": 0.4}, {"W": (0.1, 3)}, "[F]"),
    Formula("Langevin", "1/tanh(m*x) - 1/(m*x)", {"m": 1.4}, {"x": (0.3, 6)}, "[J]"),
    Formula("Brillouin spin 1/2", "tanh(m*B/T)", {"m": 1.0, "T": 0.8}, {"B": (-2, 2)}, "[F]"),
    Formula("Nernst", "U - R*T*log(c)", {"U": 0.34, "R": 8.617e-5}, {"T": (280, 330), "c": (0.01, 10)}, "[A]"),
    Formula("Debye-Hueckel", "-A*sqrt(c)/(1 + B*sqrt(c))", {"A": 0.509, "B": 1.5}, {"c": (0.001, 0.5)}, "[A]"),
    Formula("Clausius-Clapeyron", "p*exp(-L*(1/T - 1/373.15))", {"p": 101.0, "L": 4890.0}, {"T": (280, 380)}, "[A]"),
    Formula("Weibull", "k/s*(x/s)**(k - 1)*exp(-(x/s)**k)", {"k": 1.7, "s": 2.0}, {"x": (0.1, 6)}, "[C]"),
    Formula("gamma log density", "lgamma(k) + k*log(s) - (k - 1)*log(x) + x/s", {"k": 2.4, "s": 0.9}, {"x": (0.1, 8)}, "[C]"),
    Formula(
        "beta log density", "lgamma(a + b) - lgamma(a) - lgamma(b) + (a - 1)*log(x) + (b - 1)*log(1 - x)",
        {"a": 2.2, "b": 3.1}, {"x": (0.05, 0.95)}, "[C]",
    ),
    Formula(
        "Student t log density", "lgamma((n + 1)/2) - lgamma(n/2) - log(n*pi)/2 - (n + 1)/2*log1p(x**2/n)",
        {"n": 4.5}, {"x": (-4, 4)}, "[C]",
    ),
    Formula("Cauchy log density", "log(s) + log1p(((x - m)/s)**2)", {"m": 0.2, "s": 0.7}, {"x": (-5, 5)}, "[C]"),
    Formula("Laplace log density", "log(2*s) + abs(x - m)/s", {"m": 0.2, "s": 0.7}, {"x": (-5, 5)}, "[C]"),
    Formula("lognormal", "log(x) + log(s) + (log(x) - m)**2/(2*s**2)", {"m": 0.2, "s": 0.6}, {"x": (0.2, 6)}, "[C]"),
    Formula("Poisson log mass", "k*log(r) - r - lgamma(k + 1)", {"r": 3.4}, {"k": (0, 9)}, "[C]"),
    Formula("negative binomial", "lgamma(k + r) - lgamma(r) + r*log(p) + k*log(1 - p)", {"r": 2.5, "p": 0.4}, {"k": (0, 9)}, "[C]"),
    Formula("von Mises", "k*cos(x - m)", {"k": 1.8, "m": 0.4}, {"x": (-3, 3)}, "[C]"),
    Formula("probit", "-log(erfc(-(a*x + b)/sqrt(2))/2)", {"a": 1.1, "b": -0.2}, {"x": (-2, 2)}, "[C]"),
    Formula(
        "Black-Scholes call",
        "S/2*erfc(-(log(S/K) + v**2*t/2)/(v*sqrt(2*t))) - K/2*erfc(-(log(S/K) - v**2*t/2)/(v*sqrt(2*t)))",
        {"S": 100.0, "v": 0.2}, {"K": (80, 120), "t": (0.1, 2)}, "[H]",
    ),
    Formula("Snell", "asin(n*sin(x))", {"n": 0.66}, {"x": (0, 1.4)}, "[F]"),
    Formula("Fresnel reflectance", "((n - 1)/(n + 1))**2", {"n": 1.52}, {}, "[J]"),
    Formula("thin lens", "1/(1/f - 1/d)", {"f": 0.05}, {"d": (0.2, 3)}, "[F]"),
    Formula("rocket", "v*log(m/(m - q))", {"v": 3.1, "m": 10.0}, {"q": (1, 8)}, "[F]"),
)  # fmt: skip
