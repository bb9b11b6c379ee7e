"""What MMRec's model files import, by MMRec's names: the packages `common` and `utils` of this folder."""
