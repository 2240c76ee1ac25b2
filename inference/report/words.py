"""What our objects say in plain words, in each language; codes stay codes.

No sentence may read as positive when it is torn from its place: a viewer may show values without
their names, so a negative says "NOT detected" itself.
"""

from enum import StrEnum

from archive.records import Presence, Refusal
from inference.bundle import Population
from inference.report.decisions import ReviewDecision, Withdrawal
from inference.statements import Statement


class Language(StrEnum):
    """Language of the text in a report (RFC 5646)."""

    ENGLISH = "en-US"
    SPANISH = "es-ES"


_EN, _ES = Language.ENGLISH, Language.SPANISH

PRESENCE = {
    _EN: {
        Presence.PRESENT: "pneumonia DETECTED",
        Presence.ABSENT: "pneumonia NOT detected",
        Presence.UNDETERMINED: "pneumonia UNDETERMINED (neither detected nor excluded)",
    },
    _ES: {
        Presence.PRESENT: "neumonía DETECTADA",
        Presence.ABSENT: "neumonía NO detectada",
        Presence.UNDETERMINED: "neumonía INDETERMINADA (ni detectada ni descartada)",
    },
}
SUMMARY = {
    _EN: "AI: {presence}. Probability {probability} %, decision threshold {threshold} %.",
    _ES: "IA: {presence}. Probabilidad {probability} %, umbral de decisión {threshold} %.",
}
SUMMARY_OF_SEVERAL = {
    _EN: "AI: {presence} ({count} images). {images}",
    _ES: "IA: {presence} ({count} imágenes). {images}",
}
ONE_OF_SEVERAL = {
    _EN: "Image {number}: {presence}, probability {probability} %, decision threshold"
    " {threshold} %.",
    _ES: "Imagen {number}: {presence}, probabilidad {probability} %, umbral de decisión"
    " {threshold} %.",
}
IMAGE = {_EN: "Image", _ES: "Imagen"}
DISCLAIMER = {
    _EN: "AI-generated result, not verified by a physician. Not for diagnostic use on its own.",
    _ES: "Resultado generado por IA, no verificado por un médico. No apto por sí solo para el"
    " diagnóstico.",
}
NOT_ANALYSED = {
    _EN: "AI: NOT ANALYSED, there is no AI result for this study. {reason} Reason code: {code}.",
    _ES: "IA: NO ANALIZADO, no hay resultado de IA para este estudio. {reason} Código: {code}.",
}
FAILED = {
    _EN: "AI: FAILED, there is no AI result for this study. {reason} Reason code: {code}.",
    _ES: "IA: FALLIDO, no hay resultado de IA para este estudio. {reason} Código: {code}.",
}
OTHER_IMAGE_REFUSED = {
    _EN: "One further image of this study was not analysed. {reason} Reason code: {code}.",
    _ES: "Otra imagen de este estudio no fue analizada. {reason} Código: {code}.",
}
REPLACES = {
    _EN: "This result replaces an earlier one of this study.",
    _ES: "Este resultado sustituye a uno anterior de este estudio.",
}
SERIES_DESCRIPTION = {_EN: "AI result (Hilum)", _ES: "Resultado de IA (Hilum)"}
HEAT_MAP_SERIES_DESCRIPTION = {
    _EN: "AI heat map (not for diagnosis)",
    _ES: "Mapa de calor de IA (no para diagnóstico)",
}
HEAT_MAP_DERIVATION = {
    _EN: "Class activation map of the classifier over the source image, yellow to red,"
    " at most 45 % opaque; an explanation, not a segmentation.",
    _ES: "Mapa de activación de clase del clasificador sobre la imagen de origen, de amarillo a"
    " rojo, con un 45 % de opacidad como máximo; una explicación, no una segmentación.",
}
# Of segmentation and presentation state; at most 64 characters (VR LO).
REGION_DESCRIPTION = {
    _EN: "AI class activation, not a segmentation",
    _ES: "Activación de clase de IA, no una segmentación",
}
WITHDRAWN = {
    _EN: {
        Withdrawal.WRONG_PATIENT: "Withdrawn at a radiologist's word: wrong patient or study.",
        Withdrawal.FAULTY_RUN: "Withdrawn at a radiologist's word: the AI analysis was faulty.",
    },
    _ES: {
        Withdrawal.WRONG_PATIENT: "Retirado por indicación de un radiólogo: paciente o estudio"
        " equivocado.",
        Withdrawal.FAULTY_RUN: "Retirado por indicación de un radiólogo: el análisis de IA fue"
        " defectuoso.",
    },
}

REVIEW_SERIES_DESCRIPTION = {
    _EN: "Radiologist review of AI result",
    _ES: "Revisión radiológica del resultado de IA",
}
REVIEW_SUMMARY = {
    _EN: "Radiologist: {presence}. The AI result was {decision}. {ai}",
    _ES: "Radiólogo: {presence}. El resultado de la IA fue {decision}. {ai}",
}
REVIEW_WITHOUT_RESULT = {
    _EN: "Radiologist: {presence}. There was no AI result.",
    _ES: "Radiólogo: {presence}. No hubo resultado de IA.",
}
REVIEW_DECISIONS = {
    _EN: {
        ReviewDecision.ACCEPTED: "accepted",
        ReviewDecision.REJECTED: "rejected",
        ReviewDecision.CORRECTED: "corrected",
        ReviewDecision.UNREADABLE: "not judged, because the images cannot be read",
        ReviewDecision.WITHDRAWN: "withdrawn and must not be used",
    },
    _ES: {
        ReviewDecision.ACCEPTED: "aceptado",
        ReviewDecision.REJECTED: "rechazado",
        ReviewDecision.CORRECTED: "corregido",
        ReviewDecision.UNREADABLE: "no valorado, porque las imágenes no se pueden leer",
        ReviewDecision.WITHDRAWN: "retirado y no debe utilizarse",
    },
}

REFUSALS = {
    _EN: {
        Refusal.NO_IMAGE: "The study holds no image.",
        Refusal.WRONG_SOP_CLASS: "The object is no radiograph made for presentation.",
        Refusal.WRONG_MODALITY: "The modality is not projection radiography.",
        Refusal.WRONG_BODY_PART: "The body part is not the chest, or is not stated.",
        Refusal.NOT_FRONTAL: "The projection is not frontal.",
        Refusal.MULTI_FRAME: "The image has several frames.",
        Refusal.NOT_GREYSCALE: "The image is not a greyscale image.",
        Refusal.TOO_SMALL: "The image is too small.",
        Refusal.TOO_LARGE: "The image is too large.",
        Refusal.PIXELS_UNREADABLE: "The pixel data could not be read.",
        Refusal.NO_CONTRAST: "The image shows a single tone.",
        Refusal.NOT_A_CHEST_RADIOGRAPH: "The image does not look like a chest radiograph.",
        Refusal.PROCESSING_FAILED: "The analysis could not be carried out.",
    },
    _ES: {
        Refusal.NO_IMAGE: "El estudio no contiene ninguna imagen.",
        Refusal.WRONG_SOP_CLASS: "El objeto no es una radiografía destinada a presentación.",
        Refusal.WRONG_MODALITY: "La modalidad no es radiografía de proyección.",
        Refusal.WRONG_BODY_PART: "La región anatómica no es el tórax, o no consta.",
        Refusal.NOT_FRONTAL: "La proyección no es frontal.",
        Refusal.MULTI_FRAME: "La imagen tiene varios fotogramas.",
        Refusal.NOT_GREYSCALE: "La imagen no está en escala de grises.",
        Refusal.TOO_SMALL: "La imagen es demasiado pequeña.",
        Refusal.TOO_LARGE: "La imagen es demasiado grande.",
        Refusal.PIXELS_UNREADABLE: "No se pudieron leer los píxeles.",
        Refusal.NO_CONTRAST: "La imagen muestra un único tono.",
        Refusal.NOT_A_CHEST_RADIOGRAPH: "La imagen no parece una radiografía de tórax.",
        Refusal.PROCESSING_FAILED: "No se pudo realizar el análisis.",
    },
}

_POPULATION = {
    _EN: "Outside the training population (children {youngest}-{oldest} years, {view}): ",
    _ES: "Fuera de la población de entrenamiento (niños de {youngest}-{oldest} años, {view}): ",
}
STATEMENTS = {
    _EN: {
        Statement.AGE_OUTSIDE_POPULATION: _POPULATION[_EN] + "the patient's age is another.",
        Statement.AGE_UNKNOWN: _POPULATION[_EN] + "possibly, the patient's age is unknown.",
        Statement.VIEW_OUTSIDE_POPULATION: _POPULATION[_EN] + "the projection is another.",
        Statement.VIEW_UNKNOWN: _POPULATION[_EN] + "possibly, the projection is not stated.",
        Statement.LOSSY_COMPRESSION: "Image quality: the image was compressed with loss.",
        Statement.SECONDARY_CAPTURE: "Image quality: secondary capture, the grey values may"
        " differ from those acquired.",
        Statement.BODY_PART_FROM_DESCRIPTION: "The body part is not coded; the chest was taken"
        " from the description.",
        Statement.BURNED_IN_ANNOTATION: "Image quality: annotation is burned into the image.",
        Statement.NOT_DICOM: _POPULATION[_EN]
        + "possibly, the file is not DICOM: population and view are unknown.",
    },
    _ES: {
        Statement.AGE_OUTSIDE_POPULATION: _POPULATION[_ES] + "la edad del paciente es otra.",
        Statement.AGE_UNKNOWN: _POPULATION[_ES] + "posiblemente, se desconoce la edad.",
        Statement.VIEW_OUTSIDE_POPULATION: _POPULATION[_ES] + "la proyección es otra.",
        Statement.VIEW_UNKNOWN: _POPULATION[_ES] + "posiblemente, la proyección no consta.",
        Statement.LOSSY_COMPRESSION: "Calidad: la imagen fue comprimida con pérdida.",
        Statement.SECONDARY_CAPTURE: "Calidad: captura secundaria, los grises pueden diferir de"
        " los adquiridos.",
        Statement.BODY_PART_FROM_DESCRIPTION: "La región anatómica no está codificada; el tórax"
        " se tomó de la descripción.",
        Statement.BURNED_IN_ANNOTATION: "Calidad: hay anotaciones incrustadas en la imagen.",
        Statement.NOT_DICOM: _POPULATION[_ES]
        + "posiblemente, el archivo no es DICOM: se desconocen población y proyección.",
    },
}


def statement_in_words(
    statement: Statement, population: Population, language: Language = _EN
) -> str:
    """One statement as a sentence that names the population it speaks of."""
    return STATEMENTS[language][statement].format(
        youngest=population.min_age_years, oldest=population.max_age_years, view=population.view
    )


def refusal_in_words(refusal: Refusal, detail: str = "", language: Language = _EN) -> str:
    """One refusal as a sentence, with the element and value that led to it."""
    sentence = REFUSALS[language][refusal]
    return f"{sentence.removesuffix('.')} ({detail})." if detail else sentence
