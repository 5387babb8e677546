"""The lesson: predict how many people will see the film Okja, from how many said that they want to."""
