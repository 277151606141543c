// A small picture of curves as SVG: panels side by side, two or more lines in each.
// It is readable on a light page and on a dark one, and needs no library.

export interface ChartLine {
  readonly name: string;
  /** One for each of the chart's `steps`. */
  readonly values: readonly number[];
}

export interface ChartPanel {
  readonly title: string;
  readonly lines: readonly ChartLine[];
}

export interface Chart {
  readonly title: string;
  /** What the values are, and what the steps are. */
  readonly valueName: string;
  readonly stepName: string;
  readonly steps: readonly string[];
  readonly panels: readonly ChartPanel[];
}

const PANEL_WIDTH = 230;
const PLOT_HEIGHT = 150;
const LEFT = 46;
const TOP = 62;
const GAP = 40;
const BELOW = 44;
const GRID_COUNT = 4;
/** Of middle brightness: they stand out from white and from black. */
const COLORS = ["#2f81f7", "#db6d28"];

/** Draws a chart; every panel has a scale of its own, from 0. */
export function lineChart(chart: Chart): string {
  const { title, panels } = chart;
  const width = LEFT + panels.length * (PANEL_WIDTH + GAP);
  const height = TOP + PLOT_HEIGHT + BELOW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${title}</title>`,
    "<style>",
    "text { font: 11px sans-serif; fill: #6e7781; }",
    ".title { font-size: 13px; font-weight: bold; }",
    ".grid { stroke: #8c959f; stroke-opacity: 0.35; }",
    "</style>",
    text(LEFT, 18, title, 'class="title"'),
    ...legend(chart),
    ...panels.flatMap((panel, index) =>
      drawPanel(chart, panel, LEFT + index * (PANEL_WIDTH + GAP))
    ),
    "</svg>",
    "",
  ].join("\n");
}

function legend({ panels, valueName }: Chart): string[] {
  let x = LEFT;
  const parts: string[] = [];
  for (const [index, { name }] of panels[0].lines.entries()) {
    parts.push(
      `<rect x="${x}" y="27" width="14" height="4" fill="${COLORS[index]}"/>`,
      text(x + 19, 33, name),
    );
    x += 30 + name.length * 7;
  }
  return [...parts, text(x + 10, 33, valueName)];
}

function drawPanel(chart: Chart, panel: ChartPanel, left: number): string[] {
  const { steps, stepName } = chart;
  const most = scaleOf(panel.lines.flatMap(({ values }) => values));
  const bottom = TOP + PLOT_HEIGHT;
  const xOf = (index: number) =>
    left + 14 + index * (PANEL_WIDTH - 28) / Math.max(1, steps.length - 1);
  const yOf = (value: number) => bottom - value / most * PLOT_HEIGHT;
  const parts = [text(left, TOP - 10, panel.title, 'font-weight="bold"')];
  for (let i = 0; i <= GRID_COUNT; i++) {
    const value = most * i / GRID_COUNT;
    const y = yOf(value);
    parts.push(
      `<line class="grid" x1="${left}" y1="${y}" x2="${
        left + PANEL_WIDTH
      }" y2="${y}"/>`,
      text(left - 5, y + 4, short(value), 'text-anchor="end"'),
    );
  }
  for (const [index, step] of steps.entries()) {
    parts.push(text(xOf(index), bottom + 16, step, 'text-anchor="middle"'));
  }
  parts.push(
    text(
      left + PANEL_WIDTH / 2,
      bottom + 34,
      stepName,
      'text-anchor="middle"',
    ),
  );
  for (const [index, { name, values }] of panel.lines.entries()) {
    const points = values.map((value, step) =>
      `${xOf(step).toFixed(1)},${yOf(value).toFixed(1)}`
    );
    const color = COLORS[index];
    parts.push(
      `<polyline points="${
        points.join(" ")
      }" fill="none" stroke="${color}" stroke-width="2"/>`,
    );
    for (const [step, value] of values.entries()) {
      const [x, y] = points[step].split(",");
      parts.push(
        `<circle cx="${x}" cy="${y}" r="3.5" fill="${color}"><title>${name}, ${
          steps[step]
        }: ${value.toFixed(0)}</title></circle>`,
      );
    }
  }
  return parts;
}

function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" ${more}>${words}</text>`;
}

/** The next of 1, 2, 4, 8 times a power of ten that holds all. */
function scaleOf(values: readonly number[]): number {
  const most = Math.max(1, ...values);
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 8, 10].map((each) => each * power).find((each) =>
    each >= most
  )!;
}

function short(value: number): string {
  if (value < 1000) return String(Number(value.toFixed(0)));
  return `${Number((value / 1000).toFixed(2))}k`;
}
