-- The picture a template was made from, as PNG; nothing unless whitelist.keep_photos.
ALTER TABLE templates ADD COLUMN photo BLOB;
