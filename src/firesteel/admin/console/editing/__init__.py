"""What the pages data processing, workflow and response are made of: the integration as it is being
edited, forms of steps, samples and previews."""
