// The page's words: English as written, Korean by the table below. Names of classes and layers are as they are.
"use strict";

const words = (() => {
  const KOREAN = {
    "parameters, running in this page. Draw, or open an image, and see what every layer makes of it.": "개의 파라미터를 가진 네트워크가 이 페이지 안에서 실행됩니다. 그림을 그리거나 이미지를 열고 각 층의 출력을 살펴보세요.",
    "Draw": "그리기",
    "Drawing board: draw with mouse, finger or pen, or drop or paste an image. By keyboard, arrows move and the space bar puts the pen down or up.": "그림판: 마우스, 손가락 또는 펜으로 그리거나 이미지를 끌어다 놓거나 붙여 넣으세요. 키보드에서는 화살표로 이동하고 스페이스 바로 펜을 내리거나 올립니다.",
    "Undo": "되돌리기", "Clear": "모두 지우기", "Eraser": "지우개", "Save as PNG": "PNG로 저장", "Copy link": "링크 복사",
    "Thickness": "굵기", "Colour": "색", "Open an image": "이미지 열기", "Camera": "카메라",
    "Picture of the camera": "카메라 화면", "Take the picture": "촬영", "Stop the camera": "카메라 끄기",
    "What the network sees": "네트워크가 보는 이미지", "The image as the network sees it": "네트워크가 보는 이미지",
    "What supports the answer": "답의 근거", "Heat map over the image": "이미지 위의 히트맵",
    "Heat map": "히트맵", "Grad-CAM": "Grad-CAM", "Occlusion": "가리기(occlusion)", "Layer": "층",
    "Orange marks what supports {name}.": "주황색은 {name}을(를) 뒷받침하는 영역입니다.",
    "Nothing supports {name} here.": "{name}을(를) 뒷받침하는 영역이 없습니다.",
    "For": "클래스", "the answer": "답",
    "Covering the image: {part}": "이미지를 가리는 중: {part}",
    "Answer": "답", "Probability of each class": "클래스별 확률", "Nothing drawn yet.": "아직 그린 것이 없습니다.",
    "Both answer {name}.": "두 네트워크 모두 {name}(이)라고 답합니다.",
    "The two networks know different classes.": "두 네트워크의 클래스가 다릅니다.", "The answers differ.": "두 네트워크의 답이 다릅니다.",
    "1 map is switched off.": "맵 1개가 꺼져 있습니다.", "{count} maps are switched off.": "맵 {count}개가 꺼져 있습니다.",
    "Examples": "예시",
    "Of the test images: one of each class, up to ten, and the most confident mistakes of this network.": "테스트 이미지에서: 클래스별로 하나씩(최대 열 개), 그리고 이 네트워크가 가장 확신하고 틀린 예입니다.",
    "Of the test digits that ship with cnnzoo, which the network was not trained on: one of each class, and the most confident mistakes.": "cnnzoo에 들어 있는 테스트 숫자에서 (학습에 쓰이지 않았습니다): 클래스별로 하나씩, 그리고 가장 확신하고 틀린 예입니다.",
    "Of the digits that ship with cnnzoo, some of which the network may have been trained on: one of each class, and the most confident mistakes.": "cnnzoo에 들어 있는 숫자에서 (일부는 학습에 쓰였을 수 있습니다): 클래스별로 하나씩, 그리고 가장 확신하고 틀린 예입니다.",
    "Example {number}: {name}": "예시 {number}: {name}", "taken for {name}": "{name}(으)로 오인",
    "Quiz": "퀴즈", "What will the network say? Look at an example, and guess.": "네트워크는 무엇이라고 답할까요? 예를 보고 맞혀 보세요.",
    "Start the quiz": "퀴즈 시작", "Next": "다음", "End the quiz": "퀴즈 끝내기",
    "Image of the quiz": "퀴즈 이미지",
    "What will {name} say?": "{name}은(는) 무엇이라고 답할까요?",
    "It says {answer}. You guessed right: {right} of {count}.": "답은 {answer}입니다. 맞혔습니다: {count}문제 중 {right}개.",
    "It says {answer}, you guessed {guess}: {right} of {count}.": "답은 {answer}인데 {guess}(을)를 골랐습니다: {count}문제 중 {right}개.",
    "It is labelled {name}.": "정답은 {name}입니다.",
    "Morph": "모핑", "Keep two images, then slide from one to the other.": "두 이미지를 저장한 뒤 한쪽에서 다른 쪽으로 움직여 보세요.",
    "Keep as first": "첫 번째로 저장", "Keep as second": "두 번째로 저장", "From first to second": "첫 번째에서 두 번째로",
    "First image": "첫 번째 이미지", "Second image": "두 번째 이미지",
    "Draw, or open an image, first.": "먼저 그리거나 이미지를 여세요.",
    "Maps that matter most": "가장 중요한 맵",
    "None changes it by 0.1 points.": "하나를 꺼도 0.1 %p 이상 바뀌지 않습니다.", "The answer follows once the pen is lifted.": "펜을 떼면 답을 계산합니다.", "The answer follows in a moment.": "잠시 후 답이 나옵니다.",
    "How the probability of {name} changes, in percentage points, where one map, or value, is switched off.": "맵이나 값 하나를 끌 때 {name}의 확률이 몇 퍼센트포인트 변하는지 보여 줍니다.",
    "Tried so far: {part}": "지금까지 확인: {part}", "{part} were tried in {seconds} seconds, the others were not.": "{seconds}초 동안 {part}를 확인했습니다. 나머지는 확인하지 않았습니다.",
    "{map}: switched off": "{map}: 꺼짐",
    "{map}: {change} points": "{map}: {change} %p", "{layer}, map {map}": "{layer}, 맵 {map}", "{layer}, value {map}": "{layer}, 값 {map}",
    "Training": "학습", "Slide through the training: kernels and maps as they formed.": "학습 과정을 따라가며 커널과 맵이 만들어지는 모습을 보세요.",
    "Moment of training": "학습 시점", "as trained": "학습 완료", "step {step}, epoch {epoch}": "스텝 {step}, 에포크 {epoch}",
    "Layers": "층", "Layers of": "층을 볼 네트워크",
    "Orange is positive, blue negative, each layer by its own largest value. Point at a value to see how it is computed. Click a map, or double-tap it, to switch it off or on. By keyboard: arrows go from map to map, Shift and arrows from value to value, Enter switches. Rows, columns, maps and values are counted from 0; numbers are rounded.": "주황색은 양수, 파란색은 음수이며 층마다 가장 큰 값을 기준으로 합니다. 값을 가리키면 계산 과정이 나타납니다. 맵을 클릭하거나 두 번 탭하면 꺼지고 켜집니다. 키보드: 화살표는 맵 사이, Shift와 화살표는 값 사이를 이동하고 Enter로 끄고 켭니다. 행, 열, 맵, 값의 번호는 0부터 시작하며 수는 반올림한 것입니다.",
    "Switch all maps on": "모든 맵 켜기", "Go to this layer": "이 층으로 이동", "Point at a value of a map below.": "아래 맵의 값을 가리켜 보세요.",
    "Kernels": "커널", "Kernels of {layer}": "{layer}의 커널", "and {count} more maps": "그 밖에 맵 {count}개",
    "{layer}: {count} values": "{layer}: 값 {count}개",
    "This page is self-contained and loads nothing from the internet.": "이 페이지는 독립적이며 인터넷에서 아무것도 불러오지 않습니다.",
    "The eraser is on.": "지우개가 켜져 있습니다.",
    "This shows no digit: it has a single colour. Use a dark or a light stroke.": "숫자가 없습니다: 한 가지 색뿐입니다. 어둡거나 밝은 획을 사용하세요.",
    "The browser cannot read this file as an image.": "브라우저가 이 파일을 이미지로 읽을 수 없습니다.",
    "This image is too large: at most {pixels} megapixels and {size} MB.": "이미지가 너무 큽니다: 최대 {pixels}메가픽셀, {size} MB입니다.",
    "This image is too long: at most {times} times its shorter side.": "이미지가 너무 깁니다: 긴 변은 짧은 변의 최대 {times}배입니다.",
    "This image is animated; this is its first frame.": "움직이는 이미지입니다. 첫 프레임만 표시합니다.",
    "The camera cannot be used ({reason}). Open an image instead.": "카메라를 사용할 수 없습니다({reason}). 대신 이미지를 여세요.",
    "The link to this drawing was copied.": "이 그림의 링크를 복사했습니다.",
    "The address of this page now holds the drawing: copy it from the address bar.": "이제 이 페이지의 주소에 그림이 들어 있습니다. 주소창에서 복사하세요.",
    "This page is shown in a frame and has no address. Open its file to copy a link.": "이 페이지는 프레임 안에 있어 주소가 없습니다. 링크를 복사하려면 파일을 여세요.",
    "A link can hold a drawing, or an image of up to {count} values as the network sees it.": "링크에는 그림, 또는 네트워크가 보는 값이 {count}개 이하인 이미지만 담을 수 있습니다.",
    "This link holds no drawing that this page can read.": "이 링크에는 이 페이지가 읽을 수 있는 그림이 없습니다.",
    "row {row}, column {column}, map {map}": "{row}행 {column}열, 맵 {map}", "value {number}": "값 {number}",
    "It is switched off.": "꺼져 있습니다.",
    "It depends on rows {top} to {bottom}, columns {left} to {right} of the image.": "이미지의 {top}~{bottom}행, {left}~{right}열에 달려 있습니다.",
    "sum of {count} products {sum} + bias {bias} = {total}": "곱 {count}개의 합 {sum} + 편향 {bias} = {total}",
    "the {kind} of {values}": "{values}의 {kind}",
    "mean": "평균", "largest": "최댓값", "0, which is added here": "여기서 덧붙인 0",
    "exp({value}) / {total}, the sum over all classes": "exp({value}) / 모든 클래스의 합 {total}",
    "{value}, {place} of the image": "이미지의 {place}에 있는 {value}", "{value}, {place} of {layer}": "{layer}의 {place}에 있는 {value}",
    "minus the sum of {count} squared differences: -{total}": "차의 제곱 {count}개의 합에 음의 부호: -{total}", "that": "그 값",
    "{value} / ({k} + {alpha} x {energy}) ^ {beta}; {energy} is the sum of the squares in maps {first} to {last}": "{value} / ({k} + {alpha} x {energy}) ^ {beta}; {energy}는 맵 {first}~{last}의 제곱의 합",
    "centre": "중심", "(value - centre)\u00b2": "(값 - 중심)\u00b2",
    "{kind} of {value}": "{value}의 {kind}",
    "... ({count} values)": "... (값 {count}개)",
    "value": "값", "x weight": "x 가중치", "= product": "= 곱", "the value's place": "값의 위치",
    "the {most} of {count} of largest size": "{count}개 중 절댓값이 가장 큰 {most}개",
    "values": "값", "kernel": "커널", "products": "곱", "map {map}: {sum}": "맵 {map}: {sum}",
    "the {most} maps of {count} whose products add most": "맵 {count}개 중 곱의 합이 가장 큰 {most}개",
  };

  let isKorean = navigator.language.startsWith("ko");

  /** A sentence in the language of the page, with its values put in. */
  const say = (text, values = {}) => ((isKorean && KOREAN[text]) || text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  /** Put the page's fixed words into its language. */
  function translate() {
    document.documentElement.lang = isKorean ? "ko" : "en";
    for (const each of document.querySelectorAll("[data-say]")) {
      each.dataset.say ||= each.textContent.replace(/\s+/g, " ").trim();
      each.textContent = say(each.dataset.say);
    }
    for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", say(each.dataset.label));
  }

  function switchLanguage() {
    isKorean = !isKorean;
    translate();
  }

  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const number = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) || value === 0 ? value.toFixed(4) : value.toExponential(3);

  return { say, translate, switchLanguage, percent, number };
})();
