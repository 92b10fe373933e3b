// Package touch is what fingers meet: the theme, and widgets with large targets, press
// feedback and no gestures. Sizes are in the screen's pixels at scale 1; on a 27-inch
// portrait panel 3.2 of them are a millimetre.
//
// Every widget that can be tapped has an ID. Targets lists those on a canvas with their
// places, so that a scripted citizen can find them as a finger would.
package touch
